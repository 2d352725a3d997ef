/** The cluster id of the demo. Members exchange it in handshakes. */
export const clusterId = 0xbab02an;
