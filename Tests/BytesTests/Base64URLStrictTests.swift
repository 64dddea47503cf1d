import Bytes
import Testing

/// base64url is what signatures are spelled in: exactly one spelling per byte string.
@Suite struct Base64URLStrictTests {
  @Test func everyLengthComesBack() {
    for count in 0...70 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 91 &+ 7) }
      var text = ByteBuffer(capacity: 128)
      Base64URL.encode(bytes.span, into: &text)
      let letters = [UInt8](copying: text.readable)
      #expect(letters.count == (count * 4 + 2) / 3)
      #expect(decode(letters) == bytes)
    }
  }

  @Test func refusesEveryForeignByteAtEveryPlace() {
    let good = Array("QUJDREVGR0hJSg".utf8)
    #expect(decode(good) == Array("ABCDEFGHIJ".utf8))
    for place in good.indices {
      for byte in UInt8.min...UInt8.max {
        var text = good
        text[place] = byte
        let isLetter = byte.isASCIIAlphanumeric || byte == 0x2D || byte == 0x5F
        if !isLetter { #expect(decode(text) == nil, "byte \(byte) at \(place)") }
      }
    }
  }

  static let bad = [
    "A", "AAAAA", "AB", "AAB", "QQ==", "QQ=", "=", "QUI=", "QUJD\n", " QUJD", "QU+D", "QU/D", "Q.",
  ]

  @Test(arguments: bad) func refuses(_ text: String) {
    #expect(decode(Array(text.utf8)) == nil)
  }

  @Test func hasOneSpellingPerTail() {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    // One byte leaves four spare bits, two bytes leave two.
    #expect(letters.filter { decode([0x51, $0]) != nil }.count == 4)
    #expect(letters.filter { decode([0x51, 0x55, $0]) != nil }.count == 16)
  }

  @Test func refusesWhatDoesNotFit() {
    var buffer = ByteBuffer(capacity: 8)
    let fits = Base64URL.decode(Array("QUJDREVG".utf8).span, into: &buffer)
    #expect(fits)
    let more = Base64URL.decode(Array("QUJD".utf8).span, into: &buffer)
    #expect(!more)
    var empty = ByteBuffer()
    let nothing = Base64URL.decode([UInt8]().span, into: &empty)
    #expect(nothing)
  }

  private func decode(_ text: [UInt8]) -> [UInt8]? {
    var buffer = ByteBuffer(capacity: 128)
    guard Base64URL.decode(text.span, into: &buffer) else { return nil }
    return [UInt8](copying: buffer.readable)
  }
}
