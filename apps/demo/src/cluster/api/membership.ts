/**
 * The members of the cluster. Changes go through the leader; they are answered when they are in
 * effect, with the members then.
 */
import type { Member, MemberRole, MembershipOperation, Raft } from '@babuza/raft';
import { jsonAnswer, type ApiAnswer, type ApiCall } from './call.ts';
import { ApiError, apiServiceName, checkLeads, leaderPlace } from './errors.ts';
import { fieldsOf, idField, memberId, neededText, textField } from './json.ts';
import type { Route } from './router.ts';

const bodyBytesMax: number = 16 * 1024;

export function membershipRoutes<Query, Answer>(raft: Raft<Query, Answer>): readonly Route[] {
  const members = '/v1/members';
  const change = async (
    { signal }: ApiCall,
    ...changes: readonly MembershipOperation[]
  ): Promise<ApiAnswer> => {
    checkLeads(raft);
    // One by one: several at once would be joint consensus, for what is no change of voters.
    for (const operation of changes) await raft.changeMembership([operation], { signal });
    return membersAnswer(raft);
  };
  return [
    { method: 'GET', path: members, handler: () => membersAnswer(raft) },
    {
      method: 'POST',
      path: members,
      role: 'admin',
      isLong: true,
      handler: async (call) => {
        const { id, address, role, service } = await additionOf(call);
        const asLearner = { op: 'set', id, role: 'learner', address } as const;
        if (role === 'learner') return change(call, asLearner, ...service);
        const isMember = raft.clusterInfo().members.some((member) => member.id === id);
        // Clients find its API while it catches up.
        await change(call, ...(isMember ? [] : [asLearner]), ...service);
        await raft.addVotingPeer({ id, address }, { signal: call.signal });
        return membersAnswer(raft);
      },
    },
    {
      method: 'POST',
      path: `${members}/:id/promote`,
      role: 'admin',
      isLong: true,
      handler: async (call) => {
        checkLeads(raft);
        await raft.promoteLearner(idOf(call), { signal: call.signal });
        return membersAnswer(raft);
      },
    },
    {
      method: 'DELETE',
      path: `${members}/:id`,
      role: 'admin',
      isLong: true,
      handler: (call) => change(call, { op: 'remove', id: idOf(call) }),
    },
    {
      method: 'PUT',
      path: `${members}/:id`,
      role: 'admin',
      isLong: true,
      handler: async (call) => change(call, ...(await updateOf(call))),
    },
  ];
}

const idOf = ({ parts: [text = ''] }: ApiCall): bigint => memberId(text);

interface Addition {
  readonly id: bigint;
  readonly address: string;
  readonly role: MemberRole;
  readonly service: readonly MembershipOperation[];
}

/**
 * `{ id, address, role?, api? }`. Without a role it is a learner; a voter is answered when it has
 * caught up.
 */
async function additionOf(call: ApiCall): Promise<Addition> {
  const fields = fieldsOf(await call.body(bodyBytesMax), ['id', 'address', 'role', 'api']);
  const id = idField(fields, 'id');
  if (id === undefined) throw new ApiError('API_INVALID_BODY', "'id' is missing");
  const role = fields['role'] ?? 'learner';
  if (role !== 'voter' && role !== 'learner') {
    throw new ApiError('API_INVALID_BODY', "'role' is 'voter' or 'learner'");
  }
  const address = neededText(fields, 'address');
  return { id, address, role, service: serviceOf(id, textField(fields, 'api')) };
}

/** `{ address?, api? }`: where the others reach it, and where clients do. */
async function updateOf(call: ApiCall): Promise<readonly MembershipOperation[]> {
  const id = idOf(call);
  const fields = fieldsOf(await call.body(bodyBytesMax), ['address', 'api']);
  const address = textField(fields, 'address');
  const api = textField(fields, 'api');
  if (address === undefined && api === undefined) {
    throw new ApiError('API_INVALID_BODY', "there must be 'address' or 'api'");
  }
  const moved = address === undefined ? [] : [{ op: 'address', id, address } as const];
  return [...moved, ...serviceOf(id, api)];
}

const serviceOf = (id: bigint, address: string | undefined): readonly MembershipOperation[] =>
  address === undefined ? [] : [{ op: 'service', id, name: apiServiceName, address }];

function membersAnswer<Query, Answer>(raft: Raft<Query, Answer>): ApiAnswer {
  const { clusterId, members, removed } = raft.clusterInfo();
  return jsonAnswer({ clusterId, leader: leaderPlace(raft), members: members.map(shown), removed });
}

const shown = ({ id, address, role, services }: Member): object => ({
  id,
  address,
  role,
  api: services[apiServiceName] ?? null,
  services,
});
