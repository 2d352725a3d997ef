/**
 * The URI by which a certificate names a member: `babuza://cluster/<cluster id>/node/<node id>`,
 * both ids in decimal digits without leading zeros.
 */

/** The URI of a member. */
export const memberUri = (clusterId: bigint, nodeId: bigint): string =>
  `babuza://cluster/${clusterId}/node/${nodeId}`;

/** True for every URI of this scheme, even if it is malformed and names no member. */
export const isMemberUri = (uri: string): boolean => /^babuza:/i.test(uri);
