/** The membership operations that make this node the only member, at its own address. */
import type { BabuzaConfig } from '../config.ts';
import type { Membership, MembershipOperation } from '../membership/membership.ts';

export function operationsToBeAlone(
  { nodeId, address }: BabuzaConfig,
  membership: Membership,
): MembershipOperation[] {
  const operations: MembershipOperation[] = [];
  const known = membership.members.get(nodeId);
  if (known === undefined) operations.push({ op: 'set', id: nodeId, role: 'voter', address });
  else if (known.role !== 'voter') operations.push({ op: 'set', id: nodeId, role: 'voter' });
  for (const id of membership.members.keys()) {
    if (id !== nodeId) operations.push({ op: 'remove', id });
  }
  // This comes after the removals, because a removed member may have had this address.
  if (known !== undefined && known.address !== address) {
    operations.push({ op: 'address', id: nodeId, address });
  }
  return operations;
}
