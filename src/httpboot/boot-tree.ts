import type { BootFile, BootFileRequest } from '../model/boot-file.ts';

/** Who knows what stands at a path, as seen by one client. */
export interface BootTree {
  open(request: BootFileRequest): Promise<BootFile>;
}
