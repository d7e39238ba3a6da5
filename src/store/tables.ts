import type { AttemptState } from '../boot/attempt-store.ts';
import type { Task } from '../api/task-store.ts';
import type { ObjectKind } from '../machines/object-schemas.ts';
import type { RecordArea } from '../manager/manager-store.ts';
import type { Lease } from '../model/lease.ts';

/** One row an address: the lease that holds it, or the last one that did. */
export interface LeaseRow {
  readonly address: string;
  readonly subnet: string;
  readonly mac: string;
  readonly host_name: string | null;
  readonly state: Lease['state'];
  readonly granted_ms: number;
  readonly expires_ms: number;
}

/** What is asked for stands in columns, the whole attempt in `document`. */
export interface AttemptRow {
  readonly id: string;
  readonly machine: string;
  readonly mac: string;
  readonly profile: string | null;
  readonly image: string | null;
  readonly state: AttemptState;
  readonly opened_ms: number;
  readonly last_seen_ms: number;
  /** JSON. */
  readonly document: string;
}

/** The newest number that was given to a row of that name; whoever takes one makes others wait until he has committed. */
export interface NumberingRow {
  readonly name: 'audit' | 'event' | 'object' | 'manager' | 'host-boot';
  readonly newest: number;
}

export interface ObjectRow {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly revision: number;
  /** JSON, as a person wrote it. */
  readonly document: string;
  readonly created_ms: number;
  readonly updated_ms: number;
  readonly updated_by: string;
}

/** What no two machines may share, taken from their documents. */
export interface NicRow {
  readonly mac: string;
  readonly machine: string;
  readonly address: string | null;
}

export interface OneShotRow {
  readonly machine: string;
  readonly id: string;
  readonly profile: string;
  readonly requested_ms: number;
  readonly requested_by: string;
}

export interface UnknownClientRow {
  readonly mac: string;
  /** JSON. */
  readonly document: string;
}

export interface TemplateRow {
  readonly name: string;
  readonly revision: number;
  /** JSON of the state. */
  readonly document: string;
}

export interface TemplateVersionRow {
  readonly name: string;
  readonly version: number;
  /** JSON. */
  readonly document: string;
}

export interface EventRow {
  readonly id: number;
  readonly at_ms: number;
  /** The kind up to its first dot; empty where it has none. */
  readonly noun: string;
  readonly kind: string;
  /** The place in `severities`. */
  readonly severity: number;
  readonly machine: string | null;
  readonly attempt: string | null;
  /** JSON. */
  readonly detail: string;
}

export interface AuditRow {
  readonly id: number;
  readonly at_ms: number;
  readonly actor: string;
  readonly action: string;
  readonly object: string;
  /** JSON of the entry. */
  readonly document: string;
}

export interface AccountRow {
  readonly name: string;
  /** JSON. */
  readonly document: string;
}

export interface SessionRow {
  readonly id_hash: string;
  readonly account: string;
  readonly created_ms: number;
  readonly last_seen_ms: number;
  readonly expires_ms: number;
}

export interface TokenRow {
  readonly id: string;
  readonly hash: string;
  readonly owner: string;
  readonly expires_ms: number;
  readonly last_used_ms: number | null;
  /** JSON, but for when it was used last. */
  readonly document: string;
}

export interface TaskRow {
  readonly id: string;
  readonly state: Task['state'];
  readonly since_ms: number;
  readonly created_ms: number;
  /** JSON. */
  readonly document: string;
}

export interface KeptAnswerRow {
  readonly actor: string;
  readonly key: string;
  readonly request_hash: string;
  /** JSON. */
  readonly answer: string | null;
  readonly created_ms: number;
}

export interface ManagerRecordRow {
  readonly area: RecordArea;
  readonly id: string;
  readonly state: string | null;
  readonly revision: number;
  /** JSON. */
  readonly document: string;
  readonly updated_ms: number;
}

export interface HostBootRow {
  readonly boot: number;
  readonly machine: string;
  readonly attempt: string;
  readonly address: string | null;
  readonly mac: string | null;
  readonly redeemed_ms: number;
}

interface MigrationRow {
  readonly name: string;
  readonly applied_ms: number;
}

export interface Tables {
  readonly lease: LeaseRow;
  readonly boot_attempt: AttemptRow;
  readonly numbering: NumberingRow;
  readonly object: ObjectRow;
  readonly nic: NicRow;
  readonly one_shot: OneShotRow;
  readonly unknown_client: UnknownClientRow;
  readonly template: TemplateRow;
  readonly template_version: TemplateVersionRow;
  readonly event: EventRow;
  readonly audit: AuditRow;
  readonly account: AccountRow;
  readonly session: SessionRow;
  readonly token: TokenRow;
  readonly task: TaskRow;
  readonly kept_answer: KeptAnswerRow;
  readonly manager_record: ManagerRecordRow;
  readonly host_boot: HostBootRow;
  readonly schema_migration: MigrationRow;
}
