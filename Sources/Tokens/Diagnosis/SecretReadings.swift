// The ways in which one secret is misread: as its text or as what the text encodes, with a line end
// behind it, with quotes around it. Backends and gateways that disagree about these sign and check
// with different keys, and neither says so.
//
// Starts from the bytes that the gateway uses, so that it works in both directions: what they encode,
// and the texts that encode them. Tools only.

import Bytes

/// One way of reading a secret.
struct SecretReading {
  let bytes: [UInt8]
  /// What follows "the signature was made with the secret": `decoded from base64`.
  let text: String
  let advice: String

  /// All readings of `secret` but the one that is used, without two of the same bytes.
  static func all(of secret: [UInt8]) -> [SecretReading] {
    var readings: [SecretReading] = []
    var known: Set<[UInt8]> = [secret]
    func add(_ bytes: [UInt8]?, _ text: String, _ advice: String) {
      guard let bytes, known.insert(bytes).inserted else { return }
      readings.append(SecretReading(bytes: bytes, text: text, advice: advice))
    }
    for (bytes, how, advice) in bases(of: secret) {
      add(bytes, how, advice)
    }
    for (bytes, how, advice) in [(secret, "", "")] + bases(of: secret) {
      for edge in Edge.all {
        let both = how.isEmpty ? edge.text : how + " and " + edge.text
        add(
          edge.opening + bytes + edge.closing, both,
          edge.advice + (advice.isEmpty ? "" : "; " + advice))
      }
    }
    return readings
  }

  // MARK: Inner readings

  private static func bases(of secret: [UInt8]) -> [(bytes: [UInt8], text: String, advice: String)]
  {
    var bases: [(bytes: [UInt8], text: String, advice: String)] = []
    func add(_ bytes: [UInt8]?, _ text: String, _ advice: String) {
      if let bytes, !bytes.isEmpty, bytes != secret { bases.append((bytes, text, advice)) }
    }
    for (encoding, name) in [
      (SecretEncoding.base64, "base64"), (.base64url, "base64url"), (.hex, "hex"),
    ] {
      add(
        encoding.decode(secret.span).map { key in key.withBytes { [UInt8](copying: $0) } },
        "decoded from \(name)",
        "the backend signs with the \(name)-decoded secret: say `encoding \(name);`")
    }
    add(
      leniently(secret), "decoded from base64 without strictness (Buffer.from(…, 'base64'))",
      "the backend decodes a text that is no strict base64: let it take the text as it is")
    let texts: [(String, [UInt8])] = [
      ("base64", encoded(secret) { Base64.encode($0, into: &$1) }),
      ("base64 without padding", unpadded(encoded(secret) { Base64.encode($0, into: &$1) })),
      ("base64url", encoded(secret) { Base64URL.encode($0, into: &$1) }),
      ("hex", encoded(secret) { Hexadecimal.encode($0, into: &$1) }),
      ("hex in capitals", capitals(encoded(secret) { Hexadecimal.encode($0, into: &$1) })),
    ]
    for (name, text) in texts {
      add(
        text, "written as \(name)",
        "the backend signs with the text, the gateway with what it encodes: leave `encoding` out, "
          + "or give the gateway the same text")
    }
    add(
      trimmed(secret), "without the white space around it",
      "the gateway's secret has white space or a line end around it: take it away here")
    add(
      unquoted(secret), "without the quotes around it",
      "the gateway's secret has quotes around it: take them away here")
    for (mark, name) in [(UInt8(ascii: "#"), "#"), (UInt8(ascii: "$"), "$"), (0x20, "space")] {
      guard let end = secret.firstIndex(of: mark), end > 0 else { continue }
      add(
        Array(secret[..<end]), "cut off at its first \(name)",
        "what reads the backend's environment file ends the value there: quote it in that file")
    }
    return bases
  }

  private static func encoded(
    _ bytes: [UInt8], _ encode: (Span<UInt8>, inout ByteBuffer) -> Void
  ) -> [UInt8] {
    var buffer = ByteBuffer(capacity: bytes.count * 2 + 4)
    encode(bytes.span, &buffer)
    return [UInt8](copying: buffer.readable)
  }

  private static func unpadded(_ text: [UInt8]) -> [UInt8] {
    Array(text.prefix { $0 != UInt8(ascii: "=") })
  }

  private static func capitals(_ text: [UInt8]) -> [UInt8] {
    text.map { $0 >= UInt8(ascii: "a") ? $0 - 0x20 : $0 }
  }

  static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes.drop { $0 <= 0x20 }
    while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
    return Array(bytes)
  }

  private static func unquoted(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count > 2, let first = bytes.first, first == bytes.last,
      first == UInt8(ascii: "\"") || first == UInt8(ascii: "'")
    else { return nil }
    return Array(bytes[1..<(bytes.count - 1)])
  }

  /// Both alphabets, everything else left out, up to the first `=`: as node's Buffer does.
  static func leniently(_ text: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for byte in text {
      if byte == UInt8(ascii: "=") { break }
      guard let value = sextet(byte) else { continue }
      bits = (bits << 6 | value) & 0xFFFF
      count += 6
      if count >= 8 {
        count -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return out
  }

  private static func sextet(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) + 4
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }
}

/// What stands around a secret by mistake.
struct Edge {
  let opening: [UInt8]
  let closing: [UInt8]
  let text: String
  let advice: String

  static let all: [Edge] = [
    Edge(
      "", "\n", "with a newline behind it",
      "the backend's secret ends with a newline (a file, or echo without -n): drop it there"),
    Edge(
      "", "\r\n", "with a carriage return and a newline behind it",
      "the backend's secret ends with CR LF (a file from Windows): drop it there"),
    Edge(
      "", "\r", "with a carriage return behind it",
      "the backend reads an environment file with CR LF: save that file with LF"),
    Edge(
      " ", "", "with a space before it", "the backend's value begins with a space: drop it there"),
    Edge("", " ", "with a space behind it", "the backend's value ends with a space: drop it there"),
    Edge("\"", "\"", "with double quotes around it", quotes),
    Edge("'", "'", "with single quotes around it", quotes),
    Edge(
      "", "=", "with an = behind it", "the padding of base64 was lost on one side: write it on both"
    ),
    Edge(
      "", "==", "with == behind it", "the padding of base64 was lost on one side: write it on both"),
  ]
  private static let quotes =
    "the backend's value has the quotes in it (docker --env-file keeps them): drop them there"

  private init(_ opening: String, _ closing: String, _ text: String, _ advice: String) {
    self.opening = Array(opening.utf8)
    self.closing = Array(closing.utf8)
    self.text = text
    self.advice = advice
  }
}
