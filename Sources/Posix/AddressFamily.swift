internal import Glibc

/// The form of an address that is a number.
package enum AddressFamily: Hashable, Sendable {
    case ipv4, ipv6
}

/// nil: it is a name. An IPv6 address is written without brackets, with or without a zone.
package func addressFamily(of host: String) -> AddressFamily? {
    var address = in6_addr()
    if unsafe inet_pton(AF_INET, host, &address) == 1 { return .ipv4 }
    let number = host.split(separator: "%", maxSplits: 1).first.map(String.init) ?? host
    if unsafe inet_pton(AF_INET6, number, &address) == 1 { return .ipv6 }
    return nil
}
