import Testing

@testable import Assembly

@Suite struct DescriptorPlanTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let limit: Int
    var workers = 2
    var listeners = 1
    var keepIdle = [64]
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "one", limit: 1),
    Case(name: "none", limit: 0),
    Case(name: "256", limit: 256),
    Case(name: "1024", limit: 1024),
    Case(name: "1024, 16 workers", limit: 1024, workers: 16),
    Case(name: "4096, many servers", limit: 4096, keepIdle: Array(repeating: 64, count: 100)),
    Case(name: "no upstream", limit: 4096, keepIdle: []),
    Case(name: "no bound", limit: .max, keepIdle: [.max, .max]),
    Case(name: "a million", limit: 1 << 20),
  ]

  @Test(arguments: cases) func whatIsPromisedFits(_ row: Case) {
    let plan = DescriptorPlan(
      limit: row.limit, workers: row.workers, listeners: row.listeners, keepIdle: row.keepIdle)
    #expect(plan.clients >= 1)
    #expect(plan.idleForEachServer >= 0)
    // The reserve of a process that serves nobody leaves nothing to promise below this.
    guard row.limit >= 256, row.limit < .max else { return }
    let idle = row.keepIdle.reduce(0) { $0 + row.workers * min($1, plan.idleForEachServer) }
    let reserve = 97 + (row.workers + 1) * (2 + row.listeners)
    #expect(2 * plan.clients + idle + reserve <= row.limit)
    #expect(2 * (plan.clients + 1) + row.limit / 4 + reserve + 2 > row.limit * 3 / 4)
  }

  @Test func whatFitsIsNotCut() {
    let plan = DescriptorPlan(limit: 65_536, workers: 2, listeners: 1, keepIdle: [64, 64])
    #expect(plan.idleForEachServer == .max)
    #expect(plan.clients > 32_000)
    #expect(plan.warning(configured: 20_000, limit: 65_536) == nil)
  }

  @Test func fewerThanConfiguredIsSaid() throws {
    let plan = DescriptorPlan(limit: 1024, workers: 2, listeners: 1, keepIdle: [64])
    #expect(plan.warning(configured: plan.clients, limit: 1024) == nil)
    let warning = try #require(plan.warning(configured: plan.clients + 1, limit: 1024))
    #expect(warning.contains("1024") && warning.contains("\(plan.clients)"))
  }
}
