// PEM (RFC 7468): the blocks of a text, decoded.
//
// Read here rather than by OpenSSL, which asks for a passphrase on the terminal when it meets an
// encrypted key, and takes what follows the first block for nothing. Text between blocks is skipped
// (`openssl x509 -text` writes some). Start-up and tools; the caller bounds the size.

import Bytes

/// One block of a PEM text.
struct PEMBlock {
  /// What stands behind BEGIN: `PUBLIC KEY`.
  let label: String
  /// The DER within.
  let contents: [UInt8]

  /// All blocks of `text`, in order.
  static func all(in text: Span<UInt8>) throws(KeyFault) -> [PEMBlock] {
    var blocks: [PEMBlock] = []
    var open: (label: String, letters: [UInt8])?
    var start = 0
    while start < text.count {
      let end = text.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? text.count
      var line = [UInt8](copying: text.slice(from: start, to: end))
      start = end + 1
      while let last = line.last, last <= 0x20 { line.removeLast() }
      let label = boundary("-----BEGIN ", line)
      guard let current = open else {
        if let label { open = (label, []) }
        continue
      }
      if let closing = boundary("-----END ", line) {
        guard closing == current.label, let contents = decode(current.letters) else {
          throw .malformed
        }
        blocks.append(PEMBlock(label: current.label, contents: contents))
        open = nil
      } else if label != nil {
        throw .malformed
      } else if line.contains(UInt8(ascii: ":")) {
        // `Proc-Type: 4,ENCRYPTED` is the old way to say so.
        throw .encrypted
      } else {
        open?.letters += line
      }
    }
    if open != nil { throw .malformed }
    return blocks
  }

  /// True when a text has a PEM boundary anywhere: no such text is a shared secret.
  static func isIn(_ text: Span<UInt8>) -> Bool {
    let mark = Array("-----BEGIN ".utf8)
    var index = 0
    while let found = text.firstIndex(of: UInt8(ascii: "-"), from: index) {
      if text.slice(from: found).starts(with: mark.span) { return true }
      index = found + 1
    }
    return false
  }

  private static func boundary(_ opening: String, _ line: [UInt8]) -> String? {
    let text = String(lossy: line.span)
    guard text.hasPrefix(opening), text.hasSuffix("-----"),
      text.utf8.count > opening.utf8.count + 5
    else { return nil }
    return String(text.dropFirst(opening.count).dropLast(5))
  }

  private static func decode(_ letters: [UInt8]) -> [UInt8]? {
    var decoded = ByteBuffer(capacity: letters.count + 4)
    guard !letters.isEmpty, Base64.decode(letters.span, into: &decoded) else { return nil }
    return [UInt8](copying: decoded.readable)
  }
}
