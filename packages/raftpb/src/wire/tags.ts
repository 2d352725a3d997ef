/**
 * Protobuf tags. Each field on the wire starts with `field number << 3 | wire type` as a varint.
 * Every field of the Raft types has a number below 16, so its tag is one byte, which `varintTag`
 * and `bytesTag` build. Source: the protobuf encoding specification, "Message structure".
 */

/** The wire types. 6 and 7 do not exist. */
export const WireType = {
  Varint: 0,
  Fixed64: 1,
  /** A length, then as many bytes: bytes, strings, embedded messages, packed numbers. */
  Bytes: 2,
  GroupStart: 3,
  GroupEnd: 4,
  Fixed32: 5,
} as const;

/** The size of every tag, because no field number is above 15. */
export const tagBytes = 1;

/** The tag of a number field. */
export function varintTag(fieldNumber: number): number {
  return (fieldNumber << 3) | WireType.Varint;
}

/** The tag of a bytes field or an embedded message. */
export function bytesTag(fieldNumber: number): number {
  return (fieldNumber << 3) | WireType.Bytes;
}
