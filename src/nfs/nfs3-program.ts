import { filesystemProcedures } from './nfs3-filesystem.ts';
import { fileProcedures, locate, type NfsContext } from './nfs3-files.ts';
import { folderProcedures } from './nfs3-folders.ts';
import { nfsProgram, nfsStatus, readHandle } from './nfs3-types.ts';
import type { Procedure, RpcProgram } from './rpc-dispatcher.ts';

/**
 * Every procedure that would write, with the number of words of "no attributes" in its failure: two for each wcc_data, one
 * for a post_op_attr (RFC 1813 3.3.2 to 3.3.21).
 */
const writing = {
  setattr: { procedure: 2, words: 2 },
  write: { procedure: 7, words: 2 },
  create: { procedure: 8, words: 2 },
  mkdir: { procedure: 9, words: 2 },
  symlink: { procedure: 10, words: 2 },
  mknod: { procedure: 11, words: 2 },
  remove: { procedure: 12, words: 2 },
  rmdir: { procedure: 13, words: 2 },
  rename: { procedure: 14, words: 4 },
  link: { procedure: 15, words: 3 },
  commit: { procedure: 21, words: 2 },
} as const;

/** NFS version 3, read-only. Versions 2 and 4 get PROG_MISMATCH 3..3. */
export function nfs3Program(context: NfsContext): RpcProgram {
  const refusals = Object.values(writing).map(({ procedure, words }) => [procedure, refuse(context, words)] as const);
  return {
    program: nfsProgram,
    versions: {
      3: {
        ...fileProcedures(context),
        ...folderProcedures(context),
        ...filesystemProcedures(context),
        ...Object.fromEntries(refusals),
      },
    },
  };
}

/** Says that the image is read-only, or first that the handle is no good. The other arguments do not matter. */
function refuse(context: NfsContext, words: number): Procedure {
  return (args, { writer }, call) => {
    const found = locate(context, readHandle(args), call);
    writer.u32(found.status === nfsStatus.ok ? nfsStatus.readOnly : found.status).zeros(words * 4);
  };
}
