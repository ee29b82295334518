// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// Metrics of every process, with the names used by Prometheus' own clients.
package enum ProcessMetrics {
    /// Adds them to a page.
    package static func add(to page: inout PrometheusText) {
        if let pages = residentPageCount {
            page.add(
                "process_resident_memory_bytes", .gauge, "Resident memory.",
                Double(pages * sysconf(Int32(_SC_PAGESIZE))))
        }
        if let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            // One of them is the descriptor that reads the directory.
            page.add(
                "process_open_fds", .gauge, "Open file descriptors.", Double(names.count - 1))
        }
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            page.add(
                "process_cpu_seconds_total", .counter, "Processor time, user and system.",
                seconds(usage.ru_utime) + seconds(usage.ru_stime))
        }
    }

    private static var residentPageCount: Int? {
        guard let data = FileManager.default.contents(atPath: "/proc/self/statm") else {
            return nil
        }
        let words = String(decoding: data, as: UTF8.self).split(separator: " ")
        return words.count > 1 ? Int(words[1]) : nil
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) * 1e-6
    }
}
