// Where keys come from that change while the gateway runs: files that are watched, and sets behind a
// URL. Plain data, made by Assembly from the configuration.
//
// Shared secrets (`secret`, `secret_file`) are none of them: a new one needs `previous` for the tokens
// that the old one signed, and that is a line of the configuration.

import Bytes
import Crypto
import Fetch
import Tokens

/// One directive that names such keys, and where they belong.
public struct LiveKeySource: Sendable {
  /// Where in a realm's definition the keys go.
  public enum Place: Sendable, Equatable {
    /// An element of a class's `keySources`.
    case tokenClass(TokenClass, index: Int)
    /// An element of `decryptionKeys`.
    case decryption(index: Int)
  }

  /// Where they come from.
  public enum Origin: Sendable {
    /// A file, with the digest of what was read of it when the definition was made.
    case file(path: String, digest: [UInt8])
    /// A set that is fetched.
    case url(KeySetURL)
  }

  /// Index of the realm.
  public let realm: Int
  /// Where in it.
  public let place: Place
  /// The directive: `key`, `jwks` or `decrypt`.
  public let directive: String
  /// From where.
  public let origin: Origin

  /// Makes a source.
  public init(realm: Int, place: Place, directive: String, origin: Origin) {
    self.realm = realm
    self.place = place
    self.directive = directive
    self.origin = origin
  }
}

/// A key set's URL and how it is fetched.
public struct KeySetURL: Sendable {
  /// The whole fetch, from the name to the last byte, unless `timeout` says otherwise.
  public static let timeoutMillisecondsDefault = 5000

  /// Where it is.
  public let url: FetchURL
  /// Whom to believe about the server.
  public let tls: TLSContext
  /// The file that holds a copy for cold starts; nil for none.
  public let copyPath: String?
  /// The longest time of one fetch.
  public let timeoutMilliseconds: Int

  /// Makes one.
  public init(
    url: FetchURL, tls: TLSContext, copyPath: String?,
    timeoutMilliseconds: Int = KeySetURL.timeoutMillisecondsDefault
  ) {
    self.url = url
    self.tls = tls
    self.copyPath = copyPath
    self.timeoutMilliseconds = timeoutMilliseconds
  }

  /// The URL as it may be shown: a query may hold an access key.
  public var shown: String {
    let text = url.description
    guard let mark = text.firstIndex(of: "?") else { return text }
    return text[..<mark] + "?…"
  }

  /// SHA-256 of the URL in hexadecimal: what a copy's file is called by, and says whose it is.
  public static func digest(_ url: FetchURL) -> String {
    KeyDigest.of(Array(url.description.utf8)).map { byte in
      let text = String(byte, radix: 16)
      return text.utf8.count == 1 ? "0" + text : text
    }.joined()
  }
}

/// Tells whether two readings brought the same.
public enum KeyDigest {
  /// SHA-256 of a text.
  public static func of(_ text: [UInt8]) -> [UInt8] {
    var buffer = ByteBuffer(capacity: SHA256.byteCount)
    SHA256.append(hashOf: text.span, to: &buffer)
    return [UInt8](copying: buffer.readable)
  }
}

/// All realms' definitions, and which of their keys change.
public struct LiveKeySources: Sendable {
  /// The definitions by realm index; fetched sets are pending in them.
  public var definitions: [RealmDefinition]
  /// The sources, in the order of the configuration.
  public var sources: [LiveKeySource]

  /// Makes them.
  public init(definitions: [RealmDefinition] = [], sources: [LiveKeySource] = []) {
    self.definitions = definitions
    self.sources = sources
  }
}

extension [RealmDefinition] {
  /// Puts a reading into the places of its sources, or says what is wrong with it.
  mutating func put(_ reading: KeyReading, at uses: [LiveKeySource]) {
    for use in uses {
      guard indices.contains(use.realm) else { continue }
      switch (use.place, reading) {
      case (.tokenClass(.access, let index), .keys(let source)):
        self[use.realm].access.keySources[index] = source
      case (.tokenClass(.refresh, let index), .keys(let source)):
        self[use.realm].refresh?.keySources[index] = source
      case (.decryption(let index), .decryption(let key)):
        self[use.realm].decryptionKeys[index] = key
      case (.tokenClass, .decryption), (.decryption, .keys): break
      }
    }
  }
}

/// Keys that were read anew.
enum KeyReading {
  case keys(KeySource)
  case decryption(DecryptionKey)
}
