// The compact serialisation of RFC 7515 §7.1: header.payload.signature.
//
// The byte cap comes before anything else, so that a token of a million dots costs one comparison
// (CVE-2025-30204). Five parts are a JWE and are refused like every other count: a gateway that
// took the unverified branch for them was the bug of apisix#9809.

import Bytes

/// Where the three parts of a token lie.
struct CompactToken {
  /// Offset of the first dot.
  let headerEnd: Int
  /// Offset of the second dot: everything before it is what was signed.
  let payloadEnd: Int

  /// Finds the parts; nil unless there are exactly two dots, a header before them and a payload
  /// between them. A JWS may sign nothing at all, which a tool that looks at signatures only asks
  /// for; a JWT can't. The caller has bounded the token's length.
  init?(_ token: Span<UInt8>, allowsEmptyPayload: Bool = false) {
    let dot = UInt8(ascii: ".")
    guard let first = token.firstIndex(of: dot), first > 0,
      let second = token.firstIndex(of: dot, from: first + 1),
      second > first + 1 || allowsEmptyPayload,
      token.firstIndex(of: dot, from: second + 1) == nil
    else { return nil }
    headerEnd = first
    payloadEnd = second
  }

  /// Finds the parts of a token that was verified once, byte for byte: the first two dots.
  init(verified token: Span<UInt8>) {
    let dot = UInt8(ascii: ".")
    headerEnd = token.firstIndex(of: dot) ?? 0
    payloadEnd = token.firstIndex(of: dot, from: headerEnd + 1) ?? headerEnd + 1
  }

  var header: ByteRange { ByteRange(0, headerEnd) }
  var payload: ByteRange { ByteRange(headerEnd + 1, payloadEnd) }
  var signingInput: ByteRange { ByteRange(0, payloadEnd) }
  var signatureStart: Int { payloadEnd + 1 }
}
