import type { AgentMessage, Presence } from '../protocol.ts';
import type { Draft, PowerAsk } from '../draft.ts';
import type { PowerReading } from '../surroundings.ts';

/** Something that the manager hears. Times are of the moment when it arrived. */
export type Input =
  | { readonly kind: 'presence'; readonly host: string; readonly presence: Presence }
  | {
      readonly kind: 'message';
      readonly host: string;
      readonly message: AgentMessage;
      readonly atMs: number;
      readonly wallMs: number;
      /** When the beat that it answers was published; none where it answers no beat of ours that is fresh. */
      readonly beatMs?: number;
      /** As it came. */
      readonly bytes?: number;
    }
  | { readonly kind: 'refused'; readonly host: string; readonly reason: string; readonly flood: boolean }
  /** Boots, objects or time: there is something to be decided. */
  | { readonly kind: 'look' }
  | { readonly kind: 'power'; readonly ask: PowerAsk; readonly reading: PowerReading }
  | { readonly kind: 'bus'; readonly connected: boolean; readonly reason: string }
  | { readonly kind: 'stalled'; readonly forMs: number }
  | {
      readonly kind: 'asked';
      readonly act: (draft: Draft) => void;
      /** It was not done, since this manager leads no more. */
      readonly lost?: (reason: string) => void;
    };
