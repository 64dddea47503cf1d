import Bytes
import JSON
import Testing

@Suite struct JSONTextTests {
  static let rows: [(name: String, bytes: [UInt8], want: String)] = [
    ("plain", Array("plain text".utf8), "plain text"),
    ("quote and backslash", Array("a\"b\\c".utf8), "a\\\"b\\\\c"),
    ("line breaks", Array("a\r\n\tb".utf8), "a\\r\\n\\tb"),
    ("controls", [0x00, 0x1B, 0x1F, 0x7F], "\\u0000\\u001b\\u001f\\u007f"),
    ("C1 control", [0xC2, 0x9B, 0xC2, 0xA0], "\\u009b\u{A0}"),
    ("letters beyond ASCII", Array("\u{E9}\u{20AC}\u{1F600}".utf8), "\u{E9}\u{20AC}\u{1F600}"),
    ("not UTF-8", [0x61, 0xFF, 0x62, 0xE2, 0x82], "a\\ufffdb\\ufffd\\ufffd"),
    ("encoded surrogate", [0xED, 0xA0, 0x80], "\\ufffd\\ufffd\\ufffd"),
    ("empty", [], ""),
  ]

  @Test(arguments: rows) func escapes(_ name: String, _ bytes: [UInt8], _ want: String) {
    var buffer = ByteBuffer(capacity: 256)
    JSONText.append(quoted: bytes.span, to: &buffer)
    let text = String(lossy: buffer.readable)
    #expect(text == "\"\(want)\"", "\(name)")
    let outcome = JSONDocument().parse(buffer.readable)
    #expect(outcome == .valid, "\(name)")
  }

  @Test func everyTextComesBackThroughTheReader() {
    for scalar in (0...0x10FFFF).lazy.compactMap(Unicode.Scalar.init)
    where scalar.value < 0x900 || scalar.value % 257 == 0 {
      let text = "a\(Character(scalar))b"
      let written = Array(JSONText.quoted(text).utf8)
      let document = JSONDocument()
      guard document.parse(written.span) == .valid, document.text(0, in: written.span) == text
      else {
        Issue.record("U+\(String(scalar.value, radix: 16))")
        return
      }
    }
  }

  @Test func marksABufferThatIsTooSmall() {
    var buffer = ByteBuffer(capacity: 4)
    JSONText.append(quoted: Array("abc".utf8).span, to: &buffer)
    let isOverflowed = buffer.overflowed
    #expect(isOverflowed)
  }
}
