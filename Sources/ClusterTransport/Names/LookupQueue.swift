// SPDX-License-Identifier: Apache-2.0

/// Decides which names are looked up now and which wait.
///
/// A lookup that is late gives its place to the next name. So many names ask the name servers a few
/// at a time, and names without an answer, however many, hold up no other. No name is looked up
/// twice at a time. Pure.
package struct LookupQueue {
    /// Lookups at a time, those that take long not counted.
    package let placeCount: Int
    private enum Phase { case waiting, quick, late }

    /// Names that are looked up or wait.
    private var phases: [String: Phase] = [:]
    private var quickCount = 0
    private var waiting: [String] = []

    /// Nothing is looked up yet.
    package init(placeCount: Int) {
        self.placeCount = placeCount
    }

    /// Wants a name looked up, unless it is being looked up or waits already.
    ///
    /// - Returns: the names whose lookup begins now.
    package mutating func add(_ name: String) -> [String] {
        guard phases[name] == nil else { return [] }
        phases[name] = .waiting
        waiting.append(name)
        return begun()
    }

    /// Notes that the lookup of a name takes long.
    ///
    /// - Returns: the names whose lookup begins now.
    package mutating func isLate(_ name: String) -> [String] {
        guard phases[name] == .quick else { return [] }
        phases[name] = .late
        quickCount -= 1
        return begun()
    }

    /// Notes that the lookup of a name has ended.
    ///
    /// - Returns: the names whose lookup begins now.
    package mutating func ended(_ name: String) -> [String] {
        if phases.removeValue(forKey: name) == .quick { quickCount -= 1 }
        return begun()
    }

    private mutating func begun() -> [String] {
        let names = Array(waiting.prefix(placeCount - quickCount))
        waiting.removeFirst(names.count)
        quickCount += names.count
        for name in names { phases[name] = .quick }
        return names
    }
}
