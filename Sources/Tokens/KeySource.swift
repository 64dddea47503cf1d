// Where a class's keys come from beside its secrets: files, and sets that are fetched while the
// gateway runs.
//
// A fetched set may be unknown (never had, or too old to be trusted). Its realm then is incomplete:
// it has its other keys, and of a token that none of them signed nobody can say that it is bad.
//
// A fetched set holds public keys only. A URL tells its secrets to whoever reads it, and with a
// shared secret every reader could sign; so no algorithm of a secret is ever a reason to fetch.

/// One source of keys of a class, in the order of its directives.
public enum KeySource: Sendable {
  /// A file that was read.
  case file(KeyFile)
  /// A set that is fetched; nil while none is known that may be used.
  case remote(KeyFile?)

  /// Its keys as far as they are known.
  var known: KeyFile? {
    switch self {
    case .file(let file): file
    case .remote(let set): set
    }
  }

  /// True for a set that is fetched.
  var isRemote: Bool {
    switch self {
    case .file: false
    case .remote: true
    }
  }

  /// True for a set that is fetched and not known.
  public var isPending: Bool { known == nil }
}

/// Which algorithms a realm's fetched sets may bring keys for; empty in a realm without.
struct RemoteKeys: Sendable {
  /// Algorithms of the sets, a bit each (`TokenAlgorithm.mask`).
  private(set) var algorithms: UInt16 = 0
  /// Algorithms of those sets that are not known.
  private(set) var pending: UInt16 = 0
  /// Algorithms of keys that their issuer calls nothing at all.
  private(set) var unnamed: UInt16 = 0

  init(_ definition: RealmDefinition) {
    for rules in [definition.access, definition.refresh].compactMap({ $0 }) {
      for source in rules.keySources where source.isRemote {
        let allowed = (rules.algorithms ?? TokenAlgorithm.allCases).filter(\.isAsymmetric)
        let mask = allowed.reduce(UInt16(0)) { $0 | $1.mask }
        algorithms |= mask
        if source.isPending { pending |= mask }
        for key in source.known?.keys ?? [] where key.identifier == nil {
          unnamed |= key.algorithms(allowed: rules.algorithms).reduce(0) { $0 | $1.mask }
        }
      }
    }
  }
}
