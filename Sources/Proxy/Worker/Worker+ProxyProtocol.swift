// Connections that begin with a PROXY protocol header: who the client is, before its first request.
//
// Only listeners that say so expect one, and there every connection must have it: a header that could
// be left out could be made up by anybody who reaches the listener. What is not a header is closed
// without an answer, because nobody knows what language the other side speaks.

import Bytes
import EventLoop
import HTTPWire

extension Worker {
  /// True when the socket's peer may send a header: anybody who reaches the listener, unless others
  /// than this machine do and the configuration names the proxies it trusts. A balancer on the same
  /// machine needn't be named: that would believe everybody here about `X-Forwarded-For`, too.
  func mayNameClients(_ client: ClientConnection) -> Bool {
    client.isTrustedPeer || !snapshot.isReachable[client.listener]
      || !snapshot.policy.namesTrustedPeers
  }

  /// Reads until the header is complete. False when it isn't yet, or when the connection is closed.
  /// Once a connection at most: as a call it doesn't crowd the serving of requests.
  @inline(never)
  func awaitProxyHeader(_ client: ClientConnection) -> Bool {
    while true {
      if !client.input.isEmpty {
        switch ProxyProtocol.parse(client.input.written, from: client.input.readerIndex) {
        case .complete(let header):
          client.input.moveReader(to: header.byteEnd)
          return begin(client, header)
        case .malformed:
          refuseProxyHeader(client)
          return false
        case .needsMore:
          break
        }
      }
      switch client.readOnce(blocks) {
      case .bytes:
        continue
      case .nothing:
        return false
      case .ended, .failed:
        // Who says nothing at all only looked whether somebody listens.
        if client.bytesReceived == 0 { close(client) } else { refuseProxyHeader(client) }
        return false
      }
    }
  }

  /// The connection is the one of the client that the header names.
  private func begin(_ client: ClientConnection, _ header: ProxyProtocolHeader) -> Bool {
    if !header.isLocal {
      // The unspecified address is nobody's; within the policy it stands for a Unix socket.
      guard header.sourceHigh != 0 || header.sourceLow != 0 else {
        refuseProxyHeader(client)
        return false
      }
      client.peer = SocketAddress(
        high: header.sourceHigh, low: header.sourceLow, port: header.sourcePort)
      client.isTrustedPeer = snapshot.policy.isTrusted(client.policyPeer)
    }
    guard countByAddress(client) else {
      counters.connectionsRefused += 1
      close(client)
      return false
    }
    if client.input.isEmpty { client.input.clear() }
    client.phase = .awaitingRequest
    // From here on it is like any connection that was just accepted.
    move(client, to: deadline(inMilliseconds: snapshot.limits.headTimeoutMilliseconds))
    return true
  }

  /// Something else came, or not enough of it in time.
  func refuseProxyHeader(_ client: ClientConnection) {
    counters.proxyHeadersRefused += 1
    close(client)
  }
}
