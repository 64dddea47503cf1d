// When a key set is fetched, and what an unknown key id means meanwhile: a machine without socket,
// clock or keys. One per URL.
//
// The rules:
//   - one fetch at a time, whoever wants it;
//   - by itself ahead of need: after four fifths of the set's life, which is the answer's max-age
//     within bounds; after a failure with growing pauses;
//   - for a key id that the set doesn't have only as often as a token bucket allows, and for the same
//     id again only after a while, so that made-up ids can't be turned into requests to the issuer;
//   - an id is called unknown (401) only when a set was fetched since it was first seen; as long as
//     that is not so and can't be done, nobody knows (503);
//   - when fetching fails the old set stays in use, for a bounded time.
//
// Times are milliseconds of one clock that only grows, handed in. Loop only.

/// What an unknown key id comes to.
public enum UnknownKeyAnswer: Sendable, Equatable {
  /// A set fetched since the id was first seen doesn't have it: 401.
  case unknown
  /// A fetch is under way: ask again when it has ended.
  case wait
  /// A fetch is allowed: start one, then as `wait`.
  case fetch
  /// It would take a fetch, and none is allowed now: 503.
  case unavailable
}

/// The state of one key set's fetching.
public struct KeySetSchedule: Sendable {
  /// The shortest life of a set, whatever the answer says: a minute.
  public static let lifeMinimum: Int64 = 60_000
  /// The longest: a day.
  public static let lifeMaximum: Int64 = 86_400_000
  /// Its life when the answer says nothing: ten minutes.
  public static let lifeDefault: Int64 = 600_000
  /// How long a set is used after the end of its life when no fetch succeeds: a day.
  public static let staleMaximum: Int64 = 86_400_000
  /// The pause after a failure: a second, doubled by each further one.
  public static let pauseMinimum: Int64 = 1_000
  /// The longest pause: a minute.
  public static let pauseMaximum: Int64 = 60_000
  /// Fetches for unknown ids in a row.
  public static let bucketMaximum = 4
  /// How often one more is allowed: every half minute.
  public static let bucketInterval: Int64 = 30_000
  /// An id that was found unknown is looked for again after this: a minute.
  public static let unknownLife: Int64 = 60_000
  /// Unknown ids that are remembered; the oldest makes room.
  public static let unknownMaximum = 1024

  private struct Sighting {
    /// Fetches that had been started when it was first seen: what a later one brings knows of it.
    var fetchesBefore: UInt64
    /// When it was last judged against a set younger than its first sight.
    var judged: Int64?
  }

  /// Fetches started so far.
  private var fetchCount: UInt64 = 0
  /// True while the latest of them is under way.
  private var isFetching = false
  /// Which of them brought the present set; 0 for none and for a copy on disk.
  private var setFetch: UInt64 = 0
  /// Until when the present set is fresh.
  private var freshUntil: Int64?
  private var dueAt: Int64
  private var failureCount = 0
  private var bucket = KeySetSchedule.bucketMaximum
  private var bucketFilled: Int64
  private var sightings: [UInt64: Sighting] = [:]
  /// The remembered ids in order of arrival, as a ring.
  private var arrivals: [UInt64] = []
  private var oldest = 0

  /// A schedule without a set: the first fetch is due at once.
  public init(now: Int64) {
    dueAt = now
    bucketFilled = now
  }

  // MARK: Fetching

  /// When the next fetch is due by itself; nil while one is under way.
  public var nextFetch: Int64? { isFetching ? nil : dueAt }

  /// Until when the present set may be used, whatever becomes of fetching; nil without one.
  public var usableUntil: Int64? { freshUntil.map { $0 + Self.staleMaximum } }

  /// True while there is a set young enough to be used.
  public func isUsable(now: Int64) -> Bool { usableUntil.map { now < $0 } ?? false }

  /// A copy on disk was taken over. It counts as at the end of its life: good for a start, and a
  /// fetch is due all the same. `age` is the time since it was fetched.
  public mutating func copyRestored(age: Int64, now: Int64) {
    guard setFetch == 0, freshUntil == nil, age >= 0, age < Self.staleMaximum else { return }
    freshUntil = now - age
  }

  /// A fetch begins; false when one is under way already.
  public mutating func fetchStarted() -> Bool {
    guard !isFetching else { return false }
    isFetching = true
    fetchCount += 1
    return true
  }

  /// The fetch brought a set; `maxAge` is what the answer said, in milliseconds.
  public mutating func fetchSucceeded(maxAge: Int64?, now: Int64) {
    guard isFetching else { return }
    isFetching = false
    setFetch = fetchCount
    failureCount = 0
    let life = min(max(maxAge ?? Self.lifeDefault, Self.lifeMinimum), Self.lifeMaximum)
    freshUntil = now + life
    dueAt = now + life / 5 * 4
  }

  /// The fetch brought nothing that can be used.
  public mutating func fetchFailed(now: Int64) {
    guard isFetching else { return }
    isFetching = false
    dueAt = now + min(Self.pauseMaximum, Self.pauseMinimum << Int64(min(failureCount, 6)))
    failureCount += 1
  }

  // MARK: Unknown ids

  /// A token names a key that the present set doesn't have; `id` is a keyed hash of its name.
  public mutating func unknownKeySeen(_ id: UInt64, now: Int64) -> UnknownKeyAnswer {
    var sighting = sightings[id] ?? remember(id)
    if setFetch > sighting.fetchesBefore {
      let judged = sighting.judged ?? now
      sighting.judged = judged
      sightings[id] = sighting
      guard now - judged >= Self.unknownLife, !isFetching, mayFetch(now) else {
        return .unknown
      }
      // Looked for anew: the issuer may have a new key since.
      sightings[id] = Sighting(fetchesBefore: fetchCount, judged: nil)
      return .fetch
    }
    if isFetching { return .wait }
    return mayFetch(now) ? .fetch : .unavailable
  }

  private mutating func remember(_ id: UInt64) -> Sighting {
    let sighting = Sighting(fetchesBefore: fetchCount, judged: nil)
    if arrivals.count < Self.unknownMaximum {
      arrivals.append(id)
    } else {
      sightings[arrivals[oldest]] = nil
      arrivals[oldest] = id
      oldest = (oldest + 1) % Self.unknownMaximum
    }
    sightings[id] = sighting
    return sighting
  }

  /// Takes a token out of the bucket, unless fetching fails at present.
  private mutating func mayFetch(_ now: Int64) -> Bool {
    if failureCount > 0, now < dueAt { return false }
    let gained = (now - bucketFilled) / Self.bucketInterval
    if gained > 0 {
      bucket = Int(min(Int64(Self.bucketMaximum), Int64(bucket) + gained))
      bucketFilled += gained * Self.bucketInterval
    }
    guard bucket > 0 else { return false }
    bucket -= 1
    return true
  }
}
