// What a request asks to turn its connection into (RFC 9110 §7.8, RFC 6455 §4.1).
//
// A WebSocket handshake is recognised only in its one unambiguous form. Whatever deviates is `other`:
// two readers that disagree about whether a connection has become a tunnel are a smuggling channel.

import Bytes

/// The protocol that a request wants to switch to.
public enum UpgradeRequest: UInt8, Sendable {
  /// None: no `Upgrade`, or one that `Connection` doesn't name or HTTP/1.0 can't mean.
  case none
  /// WebSocket: GET without a body, one `Upgrade: websocket`, one `Sec-WebSocket-Key`, and
  /// subprotocols that are tokens.
  case webSocket
  /// Another protocol, a choice of several, or a WebSocket handshake that breaks a rule.
  case other
}

extension RequestLine {
  /// What `Upgrade` asks for; called only when it is there and `Connection` names it.
  @inline(never)
  func readUpgrade(_ bytes: Span<UInt8>, _ table: borrowing FieldTable) -> UpgradeRequest {
    guard isHTTP11 else { return .none }
    guard method == .get, framing == .none, !table.isRepeated(.upgrade),
      let value = table.value(of: .upgrade), equals(bytes, value, "websocket"),
      table.has(.secWebSocketKey), !table.isRepeated(.secWebSocketKey),
      hasTokensAlone(.secWebSocketProtocol, bytes, table)
    else { return .other }
    return .webSocket
  }

  /// True when every element of the lists of this name is a token. One of them may be a credential,
  /// and what is space to one reader (U+00A0) is a part of the name to another.
  private func hasTokensAlone(
    _ name: FieldName, _ bytes: Span<UInt8>, _ table: borrowing FieldTable
  ) -> Bool {
    var row = 0
    while let index = table.index(of: name, from: row) {
      row = index + 1
      var elements = ListElements(table[index].value)
      while let element = elements.next(bytes) {
        guard isToken(bytes, element) else { return false }
      }
    }
    return true
  }
}
