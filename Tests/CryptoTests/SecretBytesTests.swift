import Bytes
import Crypto
import Testing

@Suite struct SecretBytesTests {
  @Test func neverShowsItself() {
    let secret = SecretBytes(text: "correct horse battery staple")
    let key = HMACKey(.sha256, secret: secret)
    var text = "\(secret) \(String(reflecting: secret)) \(key) \(String(reflecting: key))"
    dump(secret, to: &text)
    dump(key, to: &text)
    #expect(!text.contains("horse"))
    #expect(!text.contains("0x"))
  }

  @Test func comparesByContent() {
    let secret = SecretBytes(text: "one")
    #expect(secret.equals(SecretBytes(text: "one")))
    #expect(!secret.equals(SecretBytes(text: "two")))
    #expect(!secret.equals(SecretBytes(text: "ones")))
    #expect(SecretBytes(text: "").equals(SecretBytes(text: "")))
    #expect(SecretBytes(text: "").count == 0)
    let text = secret.withBytes { String(lossy: $0) }
    #expect(text == "one")
  }

  @Test func drawsDifferentRandomBytes() {
    var first = ByteBuffer(capacity: 32)
    var second = ByteBuffer(capacity: 32)
    RandomBytes.append(32, to: &first)
    RandomBytes.append(32, to: &second)
    let texts = (hexadecimal(first), hexadecimal(second))
    #expect(texts.0.count == 64 && texts.1.count == 64)
    #expect(texts.0 != texts.1)
    RandomBytes.append(0, to: &first)
    let count = first.readableCount
    #expect(count == 32)
  }

  @Test func trapsWhenTheCallerMadeNoRoom() async {
    await #expect(processExitsWith: .failure) {
      var small = ByteBuffer(capacity: 8)
      RandomBytes.append(9, to: &small)
    }
  }
}
