// Trimaran's own version, as package.json has it.

/** `MAJOR.MINOR.PATCH` */
export const version = '0.1.0';
