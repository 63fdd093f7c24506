// What the user may do: only that is offered. etcd and the gateway decide all the same.

/** What the host says, or everything where it says nothing. */
export async function readGrant(store) {
  try {
    return await store.grant();
  } catch (error) {
    if ([404, 405, 501].includes(error.status)) return { rpcs: null, namespaced: false, user: "" };
    throw error;
  }
}

/** Names of what the page offers, each true or false. */
export function abilities({ rpcs }) {
  const all = (...names) => rpcs === null || names.every((name) => rpcs.has(name));
  return {
    read: all("KV.Range"),
    watch: all("Watch.Watch"),
    put: all("KV.Txn", "KV.Put", "KV.Range"),
    remove: all("KV.Txn", "KV.DeleteRange", "KV.Range"),
    lease: all("Lease.LeaseTimeToLive"),
    leases: all("Lease.LeaseLeases", "Lease.LeaseTimeToLive"),
    revoke: all("Lease.LeaseRevoke"),
    grantLease: all("Lease.LeaseGrant", "Lease.LeaseRevoke"),
  };
}
