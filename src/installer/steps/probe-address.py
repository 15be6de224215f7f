"""Asks from this node, frame by frame, who answers for an address and whether its TCP ports do. Changes nothing.

Run by the installer over ssh on a node that does not announce the address. An ordinary connection would prove nothing
here: kube-proxy answers for the address on every node itself, and in ipvs mode the kernel even holds it. So the frames
are made by hand and sent past all that, to whoever answers on the network, and the answers are read off the wire.

Argument: {"ip": "10.6.204.20", "ports": [80], "seconds": 1.0}
Prints: {"interface": …, "source": …, "answers": [{"mac": …, "ms": …}], "tcp": [{"mac": …, "port": …, "result": …}]}
or {"error": "no-interface-in-subnet" | "not-permitted" | …}. Needs root; Python 3.6 or later, its own library only.
"""
import ipaddress
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

ETH_ARP, ETH_IPV4, ETH_IPV6 = 0x0806, 0x0800, 0x86DD
ETH_P_ALL = 0x0003
TCP, ICMPV6 = 6, 58
# Asked again when nobody has answered: a frame may be lost.
ASK_EVERY_SECONDS = 0.3
# Below what kernels use for connections of their own.
SOURCE_PORTS = (20000, 29999)


def mac_text(raw):
    return ":".join("%02x" % byte for byte in raw)


def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def find_interface(ip):
    """The interface in whose subnet the address is, and its own address there; undefined where there is none."""
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    out = subprocess.check_output(["ip", "-o", "addr", "show"], env=environment).decode()
    for line in out.splitlines():
        words = line.split()
        if len(words) < 4 or words[2] not in ("inet", "inet6"):
            continue
        own = ipaddress.ip_interface(words[3])
        # A single address is no subnet: in ipvs mode every node has those of the Services.
        if own.version == ip.version and ip in own.network and own.network.num_addresses > 1 and own.ip != ip:
            return words[1].split("@")[0], own.ip
    return None


def ip_packet(source, target, protocol, payload):
    if source.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), random.randrange(65536), 0x4000, 64, protocol, 0)
        head += source.packed + target.packed
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    hops = 255 if protocol == ICMPV6 else 64
    return struct.pack("!IHBB", 0x60000000, len(payload), protocol, hops) + source.packed + target.packed + payload


def with_checksum(source, target, protocol, payload, offset):
    pseudo = source.packed + target.packed
    if source.version == 4:
        pseudo += struct.pack("!BBH", 0, protocol, len(payload))
    else:
        pseudo += struct.pack("!IHBB", len(payload), 0, 0, protocol)
    return payload[:offset] + struct.pack("!H", checksum(pseudo + payload)) + payload[offset + 2 :]


class Wire:
    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind((interface, ETH_P_ALL))
        with open("/sys/class/net/%s/address" % interface) as file:
            self.mac = mac_bytes(file.read().strip())

    def send(self, target_mac, ethertype, payload):
        frame = target_mac + self.mac + struct.pack("!H", ethertype) + payload
        self.socket.send(frame + b"\0" * (60 - len(frame)))

    def receive(self, until):
        """The next frame from somebody else: (ethertype, source MAC, payload); None: the time is up."""
        while True:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            frame = self.socket.recv(2048)
            if len(frame) >= 14 and frame[6:12] != self.mac:
                return struct.unpack("!H", frame[12:14])[0], frame[6:12], frame[14:]


def ask(wire, source, target):
    if target.version == 4:
        # RFC 826: hardware Ethernet, protocol IPv4, request.
        body = struct.pack("!HHBBH", 1, ETH_IPV4, 6, 4, 1) + wire.mac + source.packed + b"\0" * 6 + target.packed
        wire.send(b"\xff" * 6, ETH_ARP, body)
        return
    # RFC 4861 section 4.3: to the solicited-node group, with our own link-layer address.
    group = ipaddress.IPv6Address(ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + target.packed[13:])
    body = struct.pack("!BBHI", 135, 0, 0, 0) + target.packed + b"\x01\x01" + wire.mac
    body = with_checksum(source, group, ICMPV6, body, 2)
    wire.send(b"\x33\x33" + group.packed[12:], ETH_IPV6, ip_packet(source, group, ICMPV6, body))


def answer_of(frame, target):
    """The MAC address that the frame says the target is at; None: it says nothing of the kind."""
    ethertype, sender, data = frame
    if ethertype == ETH_ARP and target.version == 4 and len(data) >= 28:
        if struct.unpack("!H", data[6:8])[0] == 2 and data[14:18] == target.packed:
            return data[8:14]
    if ethertype == ETH_IPV6 and target.version == 6 and len(data) >= 64 and data[6] == ICMPV6:
        if data[40] == 136 and data[48:64] == target.packed:
            # The option "target link-layer address", where it is there.
            return data[66:72] if len(data) >= 72 and data[64] == 2 else sender
    return None


def resolve(wire, source, target, seconds):
    """All that answer within the time, in their order: two are one too many, and both must be seen."""
    began = time.monotonic()
    asked = began
    found = {}
    ask(wire, source, target)
    while time.monotonic() < began + seconds:
        frame = wire.receive(min(began + seconds, asked + ASK_EVERY_SECONDS))
        mac = None if frame is None else answer_of(frame, target)
        if mac is not None and mac not in found:
            found[mac] = (time.monotonic() - asked) * 1000
        if not found and time.monotonic() >= asked + ASK_EVERY_SECONDS:
            asked = time.monotonic()
            ask(wire, source, target)
    return found


def segment(source, target, own_port, port, sequence, acknowledged, flags):
    body = struct.pack("!HHIIBBHHH", own_port, port, sequence, acknowledged, 0x50, flags, 64240, 0, 0)
    return ip_packet(source, target, TCP, with_checksum(source, target, TCP, body, 16))


def verdict_of(frame, source, target, own_port, port):
    """'open', 'refused' or None; and for 'open' the numbers to break the connection off with."""
    ethertype, _, data = frame
    if ethertype == ETH_IPV4 and source.version == 4 and len(data) >= 20:
        head = (data[0] & 15) * 4
        protocol, sender, rest = data[9], data[12:16], data[head:]
    elif ethertype == ETH_IPV6 and source.version == 6 and len(data) >= 40:
        protocol, sender, rest = data[6], data[8:24], data[40:]
    else:
        return None
    if protocol == TCP and sender == target.packed and len(rest) >= 20:
        from_port, to_port, sequence, acknowledged = struct.unpack("!HHII", rest[:12])
        if (from_port, to_port) != (port, own_port):
            return None
        if rest[13] & 4:
            return "refused", None
        return ("open", (acknowledged, sequence + 1)) if rest[13] & 18 == 18 else None
    # "Unreachable": what it is about stands behind it, beginning with the header that we sent.
    unreachable = (protocol == 1 and rest[:1] == b"\x03") or (protocol == ICMPV6 and rest[:1] == b"\x01")
    inner = rest[8:]
    skip = 20 if source.version == 4 else 40
    if unreachable and len(inner) >= skip + 4 and inner[skip - len(target.packed) : skip] == target.packed:
        if struct.unpack("!HH", inner[skip : skip + 4]) == (own_port, port):
            return "refused", None
    return None


def connect(wire, source, target, mac, port, seconds):
    ethertype = ETH_IPV4 if source.version == 4 else ETH_IPV6
    own_port = random.randint(*SOURCE_PORTS)
    sequence = random.randrange(1 << 32)
    began = time.monotonic()
    for attempt in range(2):
        wire.send(mac, ethertype, segment(source, target, own_port, port, sequence, 0, 2))
        until = began + seconds * (attempt + 1) / 2
        while True:
            frame = wire.receive(until)
            if frame is None:
                break
            verdict = verdict_of(frame, source, target, own_port, port)
            if verdict is None:
                continue
            if verdict[1] is not None:
                ours, theirs = verdict[1]
                wire.send(mac, ethertype, segment(source, target, own_port, port, ours, theirs & 0xFFFFFFFF, 4 | 16))
            return verdict[0], (time.monotonic() - began) * 1000
    return "timeout", None


def probe(question):
    target = ipaddress.ip_address(question["ip"])
    found = find_interface(target)
    if found is None:
        return {"error": "no-interface-in-subnet"}
    interface, source = found
    wire = Wire(interface)
    answers = resolve(wire, source, target, question["seconds"])
    tcp = []
    for mac in answers:
        for port in question["ports"]:
            result, milliseconds = connect(wire, source, target, mac, port, question["seconds"])
            ms = {} if milliseconds is None else {"ms": round(milliseconds, 1)}
            tcp.append(dict(ms, mac=mac_text(mac), port=port, result=result))
    return {
        "interface": interface,
        "source": str(source),
        "answers": [{"mac": mac_text(mac), "ms": round(ms, 1)} for mac, ms in answers.items()],
        "tcp": tcp,
    }


if __name__ == "__main__":
    try:
        told = probe(json.loads(sys.argv[1]))
    except PermissionError:
        told = {"error": "not-permitted"}
    except Exception as error:  # pylint: disable=broad-except
        told = {"error": "failed", "detail": "%s: %s" % (type(error).__name__, error)}
    print(json.dumps(told))
