// What is known of fetched key sets before anything was fetched: the copies on disk.
//
// Blocks: at start, before any worker runs, and in tools.

import Policy
import Tokens

/// The realms as the gateway starts with them.
public struct RestoredKeys: Sendable {
  /// The realms by index, made with the keys of the copies.
  public let realms: [Realm]
  /// Copies that were not used, and why: for the operator.
  public let notes: [String]
  /// Definitions and sources, the copies in their places.
  let sources: LiveKeySources
  /// When the copies in use were fetched, by URL as written, in seconds since 1970.
  let fetchedSeconds: [String: Int64]

  /// `realms` made from `sources`, nothing restored.
  public init(realms: [Realm], sources: LiveKeySources = LiveKeySources()) {
    self.realms = realms
    self.sources = sources
    notes = []
    fetchedSeconds = [:]
  }

  /// Reads the copies of all fetched sets, for the realms of `policy`. A copy that breaks a rule of its
  /// realm, or the one about keys in common, is not used; to serve, it must be this user's own.
  public init(
    _ sources: LiveKeySources, policy: PolicySet, nowSeconds: Int64, toServe: Bool = true
  ) {
    var change = KeyChange(definitions: sources.definitions, policy: policy)
    var notes: [String] = []
    var times: [String: Int64] = [:]
    for (url, uses) in sources.urls {
      guard let path = url.copyPath else { continue }
      switch KeySetCopy.read(of: url, nowSeconds: nowSeconds, ownerMatters: toServe) {
      case .missing: break
      case .refused(let reason):
        notes.append("\(path): this copy of \(url.shown) is not used: \(reason)")
      case .usable(let copy):
        do throws(KeySetRefusal) {
          try change.apply(.keys(.remote(copy.set)), at: uses)
          times[url.url.description] = copy.fetchedSeconds
        } catch {
          notes.append("\(path): this copy of \(url.shown) is not used: \(error.reason)")
        }
      }
    }
    realms = change.realms.realms
    self.notes = notes
    self.sources = LiveKeySources(definitions: change.definitions, sources: sources.sources)
    fetchedSeconds = times
  }
}

extension RestoredKeys {
  /// The URLs of a realm's sets that no copy is at hand of, as they may be shown.
  public func missingSets(of realm: Realm) -> [String] {
    sources.urls.filter { url, uses in
      fetchedSeconds[url.url.description] == nil && uses.contains { $0.realm == realm.index }
    }.map(\.url.shown)
  }
}

extension LiveKeySources {
  /// The longest time that a fetch may take, nil when nothing is fetched.
  public var longestFetchMilliseconds: Int? { urls.map(\.url.timeoutMilliseconds).max() }

  /// Each URL once, with everything that uses it, in the order of the configuration.
  var urls: [(url: KeySetURL, uses: [LiveKeySource])] {
    var found: [(url: KeySetURL, uses: [LiveKeySource])] = []
    for source in sources {
      guard case .url(let url) = source.origin else { continue }
      if let index = found.firstIndex(where: { $0.url.url == url.url }) {
        found[index].uses.append(source)
      } else {
        found.append((url, [source]))
      }
    }
    return found
  }

  /// Each file once, likewise.
  var files: [(path: String, digest: [UInt8], uses: [LiveKeySource])] {
    var found: [(path: String, digest: [UInt8], uses: [LiveKeySource])] = []
    for source in sources {
      guard case .file(let path, let digest) = source.origin else { continue }
      if let index = found.firstIndex(where: { $0.path == path }) {
        found[index].uses.append(source)
      } else {
        found.append((path, digest, [source]))
      }
    }
    return found
  }
}

/// Realms in which keys are replaced, rules kept: either the change is whole, or there is none.
struct KeyChange {
  private(set) var definitions: [RealmDefinition]
  private(set) var realms: RealmSet
  /// Knows which realms meet on a route.
  private let policy: PolicySet

  /// Begins with the realms of a policy, made from these definitions.
  init(definitions: [RealmDefinition], policy: PolicySet) {
    self.definitions = definitions
    realms = policy.realms
    self.policy = policy
  }

  /// Puts a reading into the places of its sources and makes their realms anew.
  mutating func apply(
    _ reading: KeyReading, at uses: [LiveKeySource]
  ) throws(KeySetRefusal) {
    try apply(uses.map { ($0, reading) })
  }

  /// The same for places that read one file each in their own way.
  mutating func apply(
    _ readings: [(use: LiveKeySource, reading: KeyReading)]
  ) throws(KeySetRefusal) {
    var definitions = definitions
    var realms = realms
    for (use, reading) in readings { definitions.put(reading, at: [use]) }
    let changed = Set(readings.map(\.use.realm)).sorted()
    for index in changed where realms.realms.indices.contains(index) {
      do throws(RealmRejection) {
        realms = realms.replacing(
          try Realm(definitions[index], succeeding: realms.realms[index]))
      } catch {
        throw KeySetRefusal("realm \(definitions[index].name): \(Self.text(error))")
      }
    }
    for index in changed where realms.realms.indices.contains(index) {
      if let conflict = policy.keyConflict(of: realms.realms[index], among: realms.realms) {
        throw KeySetRefusal(conflict)
      }
    }
    self.definitions = definitions
    self.realms = realms
  }

  /// The first fault: the others are often the same for further keys.
  private static func text(_ rejection: RealmRejection) -> String {
    rejection.faults.first.map { "\($0.message); \($0.hint)" } ?? "its rules are broken"
  }
}
