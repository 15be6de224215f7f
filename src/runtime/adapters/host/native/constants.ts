/**
 * Numbers of the Linux ABI that Node does not export, under the names of their headers. They are those of the generic
 * ABI, which x86-64, arm64, arm, riscv64, ppc64le and loongarch64 share; MIPS, SPARC, PA-RISC and Alpha number sockets
 * otherwise and are not served.
 */

/** <sys/socket.h> */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_DONTWAIT = 0x40;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_RCVBUF = 8;
export const SO_LINGER = 13;
export const SO_BINDTODEVICE = 25;
export const SO_ATTACH_FILTER = 26;

/** <linux/if_packet.h> */
export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_DROP_MEMBERSHIP = 2;
export const PACKET_MR_ALLMULTI = 2;
export const PACKET_STATISTICS = 6;
export const PACKET_IGNORE_OUTGOING = 23;

/** <linux/if_ether.h> */
export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_IPV6 = 0x86dd;

/** <linux/in.h> */
export const SOL_IP = 0;
export const IP_TOS = 1;
export const IP_TTL = 2;
export const IP_PKTINFO = 8;
export const IP_RECVTTL = 12;
export const IP_MINTTL = 21;
export const IP_MULTICAST_TTL = 33;

/** <linux/tcp.h> */
export const SOL_TCP = 6;
export const TCP_MD5SIG = 14;

/** <linux/in6.h> */
export const SOL_IPV6 = 41;
export const IPV6_UNICAST_HOPS = 16;
export const IPV6_MULTICAST_HOPS = 18;
export const IPV6_JOIN_GROUP = 20;
export const IPV6_LEAVE_GROUP = 21;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_RECVHOPLIMIT = 51;
export const IPV6_HOPLIMIT = 52;
export const IPV6_TCLASS = 67;
export const IPV6_MINHOPCOUNT = 73;

/** <linux/netlink.h> */
export const NETLINK_ROUTE = 0;

/** <linux/rtnetlink.h>: multicast groups as bits of sockaddr_nl.nl_groups. */
export const RTMGRP_LINK = 0x1;
export const RTMGRP_IPV4_IFADDR = 0x10;
export const RTMGRP_IPV6_IFADDR = 0x100;

/** <linux/sched.h> */
export const SCHED_RR = 2;
export const SCHED_RESET_ON_FORK = 0x40000000;
