// Files that the bundle imports as text.
declare module '*.nix' {
  const text: string;
  export default text;
}
declare module '*.scm' {
  const text: string;
  export default text;
}
declare module '*.asc' {
  const text: string;
  export default text;
}
declare module '*.sh' {
  const text: string;
  export default text;
}
declare module '*.css' {
  const text: string;
  export default text;
}
declare module '*.py' {
  const text: string;
  export default text;
}
