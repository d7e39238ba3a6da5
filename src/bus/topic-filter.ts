/** Longer ones are refused; ours have 7 levels and some 100 characters. */
const maxTopicCharacters = 512;
const maxTopicLevels = 16;

/** Why nothing can be published there, or nothing where it can (MQTT 3.1.1, 4.7.1 and 4.7.3). */
export function topicProblem(topic: string): string | undefined {
  if (/[+#]/.test(topic)) return `a topic to publish to has no wildcards: ${shown(topic)}`;
  return textProblem(topic);
}

/** Why this cannot be subscribed to, or nothing where it can: `+` and `#` fill a level, `#` is the last one. */
export function filterProblem(filter: string): string | undefined {
  const levels = filter.split('/');
  for (const [at, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || at !== levels.length - 1)) return `# is the whole last level: ${shown(filter)}`;
    if (level.includes('+') && level !== '+') return `+ is a whole level: ${shown(filter)}`;
  }
  return textProblem(filter);
}

function textProblem(text: string): string | undefined {
  if (text === '') return 'a topic has at least one character';
  if (text.includes('\0')) return `a topic has no NUL: ${shown(text)}`;
  if (text.length > maxTopicCharacters) return `a topic has at most ${maxTopicCharacters} characters, this one ${text.length}`;
  if (text.split('/').length > maxTopicLevels) return `a topic has at most ${maxTopicLevels} levels: ${shown(text)}`;
  return undefined;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

/** Whether a message of this topic is heard by this filter. Topics with `$` in front are only heard by name (MQTT 3.1.1, 4.7.2). */
export function filterMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && wanted[0] !== levels[0]) return false;
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true;
    if (at >= levels.length || (level !== '+' && level !== levels[at])) return false;
  }
  return wanted.length === levels.length;
}

/** Whether every topic that `filter` hears is heard by `rule` too. */
export function filterCovers(rule: string, filter: string): boolean {
  const allowed = rule.split('/');
  const wanted = filter.split('/');
  if (filter.startsWith('$') && allowed[0] !== wanted[0]) return false;
  for (const [at, level] of allowed.entries()) {
    if (level === '#') return true;
    const other = wanted[at];
    if (other === undefined || other === '#' || (level !== '+' && level !== other)) return false;
  }
  return allowed.length === wanted.length;
}
