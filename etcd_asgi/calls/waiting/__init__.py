"""Calls that wait in etcd for a lock or an election: counted, and ended one after the other.

etcd carries out Lock, Campaign and Observe with one client within its own process, for all callers.
That client and the watch server each wait for the other for ever once some two dozen of its watches
end in the same moment, and then no lock that is waited for comes free any more, for nobody. So no
more than a few of them are open for each user, and when clients disconnect, deadlines pass or the
gateway closes, the calls end with a pause between two of them.

Source: etcd client/v3/watch.go, watchGrpcStream.run, which sends to the server while nobody
receives from it; server/etcdserver/api/v3rpc/watch.go, ctrlStreamBufLen: 16 replies fit between.
"""

from etcd_asgi.calls.waiting.open_calls import WAITING, WaitingCalls
from etcd_asgi.calls.waiting.places import User
from etcd_asgi.calls.waiting.session_leases import Session
from etcd_asgi.calls.waiting.upstream import WaitingUpstream

__all__ = ["WAITING", "Session", "User", "WaitingCalls", "WaitingUpstream"]
