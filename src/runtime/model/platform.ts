/** Platform functions that the pure core needs; programs/ passes them in, so that the core imports no platform. */

/** SHA-256 of the text's UTF-8 bytes, as 64 lower-case hex digits. */
export type Sha256Hex = (text: string) => string;
