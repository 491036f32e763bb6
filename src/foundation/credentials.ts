// Users and passwords in URLs and names of images: they reach no lock, no report and no message.

/** Text without the users and passwords of URLs in it, nor those before the host of an image's name. */
export function redactCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, '$1')
    .replace(/(^|[\s"`'])[^\s/@"`':]+:[^\s/@"`']+@(?!sha\d+:)(?=\S)/g, '$1');
}

/** `url` without user and password; text that is no URL comes back as it is. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1');
}
