// Secrets that stand in documents and templates, spelt as they stand there: refused at start
// (SecretStrength), and what `gateway token why` tries a token with when no secret of the
// configuration made its signature.
//
// The seeds of this project, the documentation of the usual libraries, and what runtimes put in place
// of a variable that isn't set. Start-up and tools.

/// Published defaults.
enum PublishedSecrets {
  /// Their texts; the empty one first.
  static let all: [String] =
    [""] + documented + unset
    + words.flatMap { word in
      let spaced = word.split(separator: "-").joined(separator: "_")
      return [word, spaced, word.uppercased(), spaced.uppercased()]
    }

  /// What is said of one.
  static func name(_ text: String) -> String {
    if text.isEmpty { return "an empty secret: the backend's variable is empty or not set" }
    if unset.contains(text) {
      return "the text `\(text)`, which a runtime puts in place of a variable that is not set"
    }
    return "a published default secret"
  }

  private static let unset = ["undefined", "null", "None", "nil"]
  private static let documented = [
    "your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "a-valid-string-secret-that-is-at-least-384-bits-long",
    "your-256-bit-secret-here", "your-secret-key-change-in-production",
    "your-secret-key-change-this-in-production", "your-super-secret-production-key-here",
    "your-super-secret-key-at-least-32-characters", "your-super-secret-jwt-key",
    "my-shared-access-secret-123", "my-shared-refresh-secret-456",
    "jwt-access-secret-dev", "jwt-refresh-secret-dev", "jwt_access_secret_dev",
    "jwt_refresh_secret_dev",
    "sk8dKj29mN3pQ7vX2zY9wR5uT8sL6fH4jK2nM9pQ3rT7vY",
    "k8dKj29mN3pQ7vX2zY9wR5uT8sL6fH4jK2nM9pQ3rT7vY12wE5rT9",
    "dev_key_sk8dKj29mN3pQ7vX2zY9wR5uT8sL6fH4j",
    "staging_key_X7zY9wR5uT8sL6fH4jK2nM9pQ3rT7vY12w",
    "prod_key_Y9wR5uT8sL6fH4jK2nM9pQ3rT7vY12wE5rT9",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "DO NOT USE THIS VALUE. INSTEAD, CREATE A COMPLEX SECRET AND KEEP IT SAFE OUTSIDE OF THE SOURCE CODE.",
    "Change this!", "super-secret", "secretKey", "hard!to-guess_secret", "shhhhh",
    "shhhhhhared-secret",
    "keyboard cat", "secret123", "hunter2", "123456", "12345678", "1234567890", "a1b2c3d4e5f6...",
  ]
  private static let words = [
    "secret", "secret-key", "secretkey", "mysecret", "my-secret", "my-secret-key", "mysecretkey",
    "supersecret", "super-secret-key", "supersecretkey", "topsecret", "top-secret", "jwt-secret",
    "jwt-secret-key", "jwtsecret", "jwt", "jwt-access-secret", "jwt-refresh-secret", "admin",
    "password", "passw0rd", "test", "testing",
    "test-secret", "dev", "dev-secret", "dev-secret-key", "development", "default", "example",
    "todo", "key", "token",
    "letmein", "qwerty", "changeme", "change-me", "change-this", "replace-me", "your-secret",
    "your-secret-key", "your-secret-here", "your-jwt-secret", "your-jwt-secret-key",
    "your-super-secret-key", "access-secret", "refresh-secret", "secret-here",
  ]
}
