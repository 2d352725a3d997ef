/** The id of the cluster of the demo; its members say it to each other. */
export const clusterId = 0xbab02an;
