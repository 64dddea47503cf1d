import Bytes
import Testing

@testable import Crypto

/// Signatures: published examples, every scheme with every key, and everything that is near one.
@Suite struct SignatureTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var scheme: SignatureScheme
    var key: String
    var token: String
  }

  static let poem =
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250"
    + "byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hl"
    + "cmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

  static let vectors = [
    Vector(
      testDescription: "RFC 7520 §4.1, RS256", scheme: .rsaPKCS1SHA256, key: TestKeys.rsaSPKI,
      token: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + poem
        + ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83"
        + "xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJ"
        + "Dt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12"
        + "podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"),
    Vector(
      testDescription: "RFC 7520 §4.2, PS384", scheme: .rsaPSSSHA384, key: TestKeys.rsaPKCS1Public,
      token: "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + poem
        + ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6"
        + "O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqi"
        + "VJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_"
        + "jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"),
    Vector(
      testDescription: "RFC 7520 §4.3, ES512", scheme: .ecdsaP521SHA512, key: TestKeys.p521SPKI,
      token: "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + poem
        + ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJ"
        + "AQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
    ),
    Vector(
      testDescription: "RFC 7515 A.3, ES256", scheme: .ecdsaP256SHA256, key: TestKeys.p256SPKI,
      token: "eyJhbGciOiJFUzI1NiJ9."
        + "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        + "cnVlfQ"
        + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
    Vector(
      testDescription: "RFC 8037 A.4, EdDSA", scheme: .ed25519, key: TestKeys.ed25519SPKI,
      token: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        + ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"),
  ]

  @Test(arguments: vectors) func verifiesPublishedExamples(_ vector: Vector) throws {
    let key = try publicKey(vector.key)
    let dot = try #require(vector.token.lastIndex(of: "."))
    let message = Array(vector.token[..<dot].utf8)
    let signature = bytes(base64URL: String(vector.token[vector.token.index(after: dot)...]))
    #expect(key.takes(signature, message, vector.scheme))
    // No other scheme takes it, whatever the key.
    for scheme in SignatureScheme.allCases where scheme != vector.scheme {
      #expect(!key.takes(signature, message, scheme), "\(scheme)")
    }
    // Neither longer nor shorter, nor with a bit changed anywhere.
    #expect(!key.takes((signature + [0]), message, vector.scheme))
    #expect(!key.takes(([0] + signature), message, vector.scheme))
    let shorter = Array(signature.dropLast())
    #expect(!key.takes(shorter, message, vector.scheme))
    #expect(!key.takes([UInt8](), message, vector.scheme))
    for index in stride(from: 0, to: signature.count, by: 7) {
      var damaged = signature
      damaged[index] ^= 1
      #expect(!key.takes(damaged, message, vector.scheme), "byte \(index)")
    }
    var other = message
    other[0] ^= 1
    #expect(!key.takes(signature, other, vector.scheme))
  }

  @Test(arguments: SignatureScheme.allCases) func signsWhatItVerifies(
    _ scheme: SignatureScheme
  ) throws {
    let message = Array("message".utf8)
    for key in try privateKeys() {
      // More than once: ECDSA's numbers now and then have leading zeros.
      for _ in 0..<(scheme.fits(key.kind) && scheme.isECDSA ? 300 : 1) {
        var signature = ByteBuffer(capacity: 600)
        let isMade = key.append(signatureOf: message.span, with: scheme, to: &signature)
        #expect(isMade == scheme.fits(key.kind), "\(key.kind)")
        guard isMade else { continue }
        let count = signature.readableCount
        #expect(count == key.kind.signatureByteCount)
        let isGood = key.publicKey.verifies(signature.readable, of: message.span, with: scheme)
        #expect(isGood, "\(key.kind)")
      }
    }
  }

  @Test func oneKeyServesManyThreads() async throws {
    let vector = Self.vectors[0]
    let key = try publicKey(vector.key)
    let dot = try #require(vector.token.lastIndex(of: "."))
    let message = Array(vector.token[..<dot].utf8)
    let signature = bytes(base64URL: String(vector.token[vector.token.index(after: dot)...]))
    let good = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (0..<50).count { _ in key.takes(signature, message, vector.scheme) }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(good == 200)
  }

  @Test func reportsASignatureWithoutRoom() throws {
    let message = Array("message".utf8)
    for key in try privateKeys() {
      let scheme = try #require(SignatureScheme.allCases.first { $0.fits(key.kind) })
      var signature = ByteBuffer(capacity: key.kind.signatureByteCount - 1)
      let isMade = key.append(signatureOf: message.span, with: scheme, to: &signature)
      #expect(!isMade, "\(key.kind)")
    }
  }

  static let saltVectors = [
    ("no salt", TestKeys.pssNoSalt), ("a short salt", TestKeys.pssShortSalt),
    ("another hash in the mask", TestKeys.pssOtherMask),
  ]

  @Test(arguments: saltVectors) func pssTakesTheHashsSaltOnly(_ name: String, _ text: String) throws
  {
    let key = try publicKey(TestKeys.rsaSPKI)
    let signature = bytes(base64URL: text)
    let message = Array("message".utf8)
    #expect(signature.count == 256)
    for scheme in SignatureScheme.allCases {
      #expect(!key.takes(signature, message, scheme), "\(name) \(scheme)")
    }
  }

  /// The order of P-256's group.
  static let order: [UInt8] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6,
    0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
  ]

  @Test func ecdsaRefusesNumbersOutsideTheGroup() throws {
    let key = try publicKey(TestKeys.p256SPKI)
    let message = Array("message".utf8)
    let zero = [UInt8](repeating: 0, count: 32)
    let one = Array(zero.dropLast()) + [1]
    let below = Array(Self.order.dropLast()) + [0x50]
    let top = [UInt8](repeating: 0xFF, count: 32)
    // CVE-2022-21449: a signature of zeros held for every message.
    for first in [zero, one, below, Self.order, top] {
      for second in [zero, one, below, Self.order, top] {
        let signature = first + second
        #expect(!key.takes(signature, message, .ecdsaP256SHA256))
      }
    }
    // R + n stands for the same number as R, but not in 32 bytes that are below n.
    let token = Self.vectors[3].token
    let dot = try #require(token.lastIndex(of: "."))
    let good = bytes(base64URL: String(token[token.index(after: dot)...]))
    var sum = [UInt8](repeating: 0, count: 33)
    var carry = 0
    for index in (0..<32).reversed() {
      let digit = Int(good[index]) + Int(Self.order[index]) + carry
      sum[index + 1] = UInt8(digit & 0xFF)
      carry = digit >> 8
    }
    sum[0] = UInt8(carry)
    let text = Array(token[..<dot].utf8)
    #expect(key.takes(good, text, .ecdsaP256SHA256))
    let shifted = Array(sum.dropFirst()) + good[32...]
    #expect(!key.takes(shifted, text, .ecdsaP256SHA256))
    let long = sum + [0] + good[32...]
    #expect(!key.takes(long, text, .ecdsaP256SHA256))
  }

  @Test func derAndRawSignaturesCorrespond() {
    // name, R, S, DER without the first two bytes' length.
    let rows: [(String, [UInt8], [UInt8], [UInt8])] = [
      ("small", [0, 1], [0, 2], [0x30, 6, 2, 1, 1, 2, 1, 2]),
      ("top bits", [0x80, 0], [0, 0xFF], [0x30, 9, 2, 3, 0, 0x80, 0, 2, 2, 0, 0xFF]),
      ("whole", [0x7F, 0xFF], [0x12, 0x34], [0x30, 8, 2, 2, 0x7F, 0xFF, 2, 2, 0x12, 0x34]),
    ]
    for (name, first, second, want) in rows {
      var der = InlineArray<141, UInt8>(repeating: 0)
      let raw = first + second
      let count = ECDSASignature.encode(raw.span, into: &der)
      let written = [UInt8](copying: der.span.extracting(first: count))
      #expect(written == want, "\(name)")
      var back = ByteBuffer(capacity: 4)
      let isRead = ECDSASignature.decode(want.span, size: 2, into: &back)
      #expect(isRead, "\(name)")
      let read = [UInt8](copying: back.readable)
      #expect(read == raw, "\(name)")
    }
    // The longest there is fits exactly; one byte more for each number does not.
    var der = InlineArray<141, UInt8>(repeating: 0)
    let longest = [UInt8](repeating: 0xFF, count: 132)
    let most = ECDSASignature.encode(longest.span, into: &der)
    #expect(most == ECDSASignature.derBytesMaximum)
    for count in [0, 1, 3, 131, 133, 134, 1024] {
      let raw = [UInt8](repeating: 0xFF, count: count)
      let isEven = count % 2 == 0 && count <= 132 && count > 0
      let length = ECDSASignature.encode(raw.span, into: &der)
      #expect((length > 0) == isEven, "\(count)")
    }
  }

  @Test func refusesDERThatIsNoSignature() {
    let good: [UInt8] = [0x30, 6, 2, 1, 1, 2, 1, 2]
    var rows = (0..<good.count).map { Array(good.prefix($0)) }
    rows += [good + [0], [0x31] + good.dropFirst(), [0x30, 6, 2, 7, 1, 2, 1, 2]]
    rows += [[0x30, 9, 2, 4, 1, 2, 3, 4, 2, 1, 1], [0x30, 0x81, 0xFF, 2, 1, 1, 2, 1, 2]]
    for der in rows {
      var buffer = ByteBuffer(capacity: 4)
      let isTaken = ECDSASignature.decode(der.span, size: 2, into: &buffer)
      #expect(!isTaken, "\(der)")
    }
  }
}

extension PublicKey {
  /// `verifies` for whole arrays, which `#expect` takes.
  fileprivate func takes(
    _ signature: [UInt8], _ message: [UInt8], _ scheme: SignatureScheme
  ) -> Bool {
    verifies(signature.span, of: message.span, with: scheme)
  }
}
