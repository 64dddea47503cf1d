// Who the client of an exchange is: the peer of its connection, or, where that is a trusted proxy, whom
// the proxy names.
//
// An untrusted peer's request pays one branch here. Loop only.

import Bytes
import EventLoop
import HTTPWire
import Policy

extension Exchange {
  /// The client as the policy sees it: reads what a trusted peer claims.
  func policyPeer(_ worker: Worker, _ client: ClientConnection) -> PeerAddress {
    guard client.isTrustedPeer else { return client.policyPeer }
    readClaims(client.input, client.policyPeer, worker.snapshot.policy)
    return claims.client
  }

  private func readClaims(
    _ input: borrowing ByteBuffer, _ peer: PeerAddress, _ set: PolicySet
  ) {
    claims.read(head, bytes: input.written, peer: peer, set: set)
  }

  /// The client's address, for log and backend. Before the head is complete nobody but the peer is
  /// known.
  func clientAddress(_ client: ClientConnection) -> SocketAddress {
    guard client.isTrustedPeer, head.byteEnd > 0 else { return client.peer }
    return claims.address(behind: client.peer)
  }

  /// Collects what the backend is told about the client, and keeps it for the answer.
  func noteForwardedFacts(_ client: ClientConnection) -> ForwardedFacts {
    forwardedFacts = ForwardedFacts(
      head, peer: client.peer, claims: client.isTrustedPeer ? claims : nil,
      strippedBytes: policy.strippedPrefixBytes)
    return forwardedFacts
  }
}
