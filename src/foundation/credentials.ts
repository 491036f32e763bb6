// Users, passwords, tokens and keys in URLs and names of images: they reach no lock, no report and no message.

/** Parameters of a query that let somebody in: `license_key=`, `private_token=`, `X-Amz-Signature=`. */
const secretParameter =
  /([?&](?:[a-z0-9]+[_.-])*(?:token|api[_-]?key|apikey|license[_-]?key|access[_-]?key|secret|secret[_-]?key|password|passwd|signature|sig|credential)=)[^&#\s"'`]+/gi;

/** Text without the users, passwords and tokens of URLs in it, nor those before the host of an image's name. */
export function redactCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, '$1')
    .replace(secretParameter, '$1***')
    .replace(/(^|[\s"`'])[^\s/@"`':]+:[^\s/@"`']+@(?!sha\d+:)(?=\S)/g, '$1');
}

/** `url` without user, password and tokens; text that is no URL comes back as it is. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1').replace(secretParameter, '$1');
}
