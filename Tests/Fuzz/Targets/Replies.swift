// Replies of a store: a prefix is never complete otherwise than the whole.

import Bytes
import Redis

func fuzzReply(_ input: Span<UInt8>) {
  let reader = RESPReader()
  let whole = reader.parse(input, from: 0)
  if case .complete(let upTo) = whole {
    check(upTo <= input.count, "a reply beyond the bytes")
    for index in 0..<reader.nodeCount {
      check(reader.node(at: index).range.upper <= upTo, "a value beyond its reply")
    }
  }
  for cut in cuts(input, everywhereUpTo: 64) {
    let copy = input.slice(from: 0, to: cut).copied
    let early = reader.parse(copy.span, from: 0)
    check(early == .needsMore || early == whole, "cut at \(cut) it reads otherwise")
  }
}
