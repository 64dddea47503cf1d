import Testing
import Tokens

@Suite struct SecretStrengthTests {
  /// The defaults and placeholders that stand in the documents teams copy from (PEERS §1), and
  /// their usual relatives.
  static let known = [
    "jwt-access-secret-dev", "jwt-refresh-secret-dev", "dev-secret-key", "dev-secret-change-me",
    "your-secret-key-change-this-in-production", "your-super-secret-production-key-here",
    "your-super-secret-key-at-least-32-characters", "your-256-bit-secret-here", "secret",
    "secret123", "admin", "my-shared-access-secret-123", "my-shared-refresh-secret-456",
    "sk8dKj29mN3pQ7vX2zY9wR5uT8sL6fH4jK2nM9pQ3rT7vY", "a1b2c3d4e5f6...",
    "dev_key_sk8dKj29mN3pQ7vX2zY9wR5uT8sL6fH4j", "${JWT_SECRET}", "${JWT_SECRET:-x}",
    "#{jwt-secret-key}#", "{{ jwt_secret }}", "<your secret here>", "changeme", "CHANGE_ME",
    "Change Me please, 32 bytes or more", "prod-change-me-prod-change-me-prod",
    "please-change-this-value-before-deploying", "YOUR_SECRET_KEY", " secret ", "secret\n",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "00000000000000000000000000000000",
    "DEV-SECRET-KEY", "test", "password", "a-string-secret-at-least-256-bits-long",
  ]

  @Test(arguments: known) func knowsPublishedValues(_ text: String) {
    #expect(Self.judge(text) == .knownDefault)
  }

  static let good = [
    "pHq3v8fQ0n4cWJ0mXy1sE7rUq9tZ2bLdK5oGiAeRwTc", "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "correct horse battery staple and more", "my secret sauce is 32 bytes of tomato",
  ]

  @Test(arguments: good) func admitsOthers(_ text: String) {
    #expect(Self.judge(text) == .ok)
  }

  @Test func measures() {
    #expect(Self.judge("") == .empty)
    #expect(Self.judge("0f1e2d3c4b5a69788796a5b4c3d2e1f") == .short(byteCount: 31))
    #expect(Self.judge("0f1e2d3c4b5a69788796a5b4c3d2e1f0") == .ok)
  }

  static func judge(_ text: String) -> SecretStrength {
    let bytes = Array(text.utf8)
    return SecretStrength.judge(bytes.span)
  }
}
