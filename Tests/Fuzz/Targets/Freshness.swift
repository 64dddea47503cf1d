// What an issuer's answer says of its freshness: any bytes give a bounded life, the strictest word wins,
// and a line more can only be more words of the same list.

import Bytes
import Fetch

func fuzzFreshness(_ bytes: Span<UInt8>) {
  let lines = bytes.copied.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    .map { String(decoding: $0, as: UTF8.self) }
  let headers = lines.enumerated().map { number, line in
    FetchHeader(number % 3 == 2 ? "Age" : "Cache-Control", line)
  }
  let life = CacheLife.milliseconds(headers)
  if let life { check((0...(1 << 31) * 1000).contains(life), "a life without bound") }
  let forbidden = CacheLife.milliseconds(headers + [FetchHeader("cache-control", "no-store")])
  check(forbidden == 0, "no-store was not heard")
  // One more directive that says nothing changes nothing.
  let more = CacheLife.milliseconds(headers + [FetchHeader("cache-control", "public, x=\"y\"")])
  check(more == life, "a word that means nothing counts")
}
