// HTML as strings that are safe by construction: text is escaped where it enters.

/** Text of an element or of an attribute in double quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (unit) => `&#${unit.charCodeAt(0)};`);
}

/** A name for an `id`: letters, digits, `-`, `_` and `.` stay, others become their code. */
export function slug(text: string): string {
  return text.replace(/[^A-Za-z0-9_.-]/g, (unit) => `_${unit.charCodeAt(0).toString(16)}_`);
}
