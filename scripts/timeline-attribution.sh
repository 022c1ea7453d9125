#!/bin/sh
# Does `harness timeline` put the time where it was spent? A real server that sleeps 1 ms before each reply's header and 2 ms in the middle of each READ's data
# is recorded by a real client. The server notes when it slept and when it sent; what the table says of the states is held against that: the time in them
# against the server's clock, in which the way of the request and the reply is too, and the shares against those of the sleeps alone. Exit 1 where one of them
# is off by more than 5 %. Needs Python 3.
# Usage: scripts/timeline-attribution.sh [--ops N] [--tolerance PERCENT] [--backend B] [--json FILE]
set -eu
exec python3 - "$(dirname "$0")/.." "$@" <<'PYTHON'
import argparse, json, os, socket, struct, subprocess, sys, tempfile, threading, time

HEADER_S, MIDDLE_S = 0.001, 0.002
SIZE, EXPORT = 128 << 10, 64 << 20
DISCONNECT = 2
OPTION_GO, REPLY_ACK, REPLY_INFO, REPLY_UNSUPPORTED = 7, 1, 3, 0x80000001


class Server(threading.Thread):
    """One connection, one request at a time. For each READ: when it came, when the header left, when the second half may leave, and how long it slept."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.times = []

    def take(self, length):
        data = b""
        while len(data) < length:
            more = self.peer.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def option_reply(self, option, kind, data=b""):
        self.peer.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)

    def negotiate(self):
        self.peer.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
        self.take(4)
        while True:
            _, option, length = struct.unpack(">QII", self.take(16))
            self.take(length)
            if option != OPTION_GO:
                self.option_reply(option, REPLY_UNSUPPORTED)
                continue
            self.option_reply(option, REPLY_INFO, struct.pack(">HQH", 0, EXPORT, 1))
            self.option_reply(option, REPLY_ACK)
            return

    def run(self):
        self.peer, _ = self.listener.accept()
        # Two sends, so that the client gets the first half of the data while the server sleeps.
        half = bytes(SIZE // 2)
        try:
            self.negotiate()
            while True:
                _, _, command, cookie, _, _ = struct.unpack(">IHHQQI", self.take(28))
                if command == DISCONNECT:
                    return
                asked = time.monotonic()
                time.sleep(HEADER_S)
                answered = time.monotonic()
                self.peer.sendall(struct.pack(">IIQ", 0x67446698, 0, cookie) + half)
                sent = time.monotonic()
                time.sleep(MIDDLE_S)
                slept = time.monotonic()
                self.peer.sendall(half)
                self.times.append((asked, answered, sent, slept))
        except (EOFError, ConnectionError, struct.error):
            pass


def main():
    parser = argparse.ArgumentParser(prog="timeline-attribution.sh")
    parser.add_argument("--ops", type=int, default=500)
    parser.add_argument("--tolerance", type=float, default=5.0)
    parser.add_argument("--backend", default="epoll")
    parser.add_argument("--json")
    parser.add_argument("--harness", default=os.environ.get("HARNESS"))
    options = parser.parse_args(sys.argv[2:])
    root = sys.argv[1]
    harness = [options.harness] if options.harness else [os.path.join(root, "run.sh")]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        server = Server(path)
        server.start()
        command = harness + ["timeline", f"nbd+unix:///?socket={path}", "--rw", "read", "--size", str(SIZE), "--depth", "1",
                             "--ops", str(options.ops), "--backend", options.backend, "--json", "-"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(done.returncode)
    states = [state for state in json.loads(done.stdout)["states"] if state["side"] == "read"]
    # What came before is the warm-up.
    times = server.times[-options.ops:]
    slept = [sum(answered - asked for asked, answered, _, _ in times), sum(end - sent for _, _, sent, end in times)]
    # Outside of the data the client waits from one reply's last byte to the next one's first; before the first it waits for that alone.
    outside = times[0][1] - times[0][0] + sum(now[1] - before[3] for before, now in zip(times, times[1:]))
    clock = [outside, sum(end - answered for _, answered, _, end in times)]
    told = [sum(state["total_us"] for state in states if state["state"] == "ReplyHeader") / 1e6,
            sum(state["total_us"] for state in states if state["state"].startswith("Payload")) / 1e6]
    rows, worst = [], 0.0
    print(f"{'where':28}{'slept, ms':>12}{'clock, ms':>12}{'told, ms':>12}{'off by':>9}{'share slept':>13}{'share told':>12}")
    for at, place in enumerate(["before the header", "in the middle of the data"]):
        off = 100 * (told[at] / clock[at] - 1)
        share_slept, share_told = 100 * slept[at] / sum(slept), 100 * told[at] / sum(told)
        worst = max(worst, abs(off), abs(share_told - share_slept))
        print(f"{place:28}{slept[at] * 1e3:12.1f}{clock[at] * 1e3:12.1f}{told[at] * 1e3:12.1f}{off:+8.1f}%{share_slept:12.1f}%{share_told:11.1f}%")
        rows.append({"place": place, "slept_ms": slept[at] * 1e3, "clock_ms": clock[at] * 1e3, "told_ms": told[at] * 1e3,
                     "off_percent": off, "share_slept_percent": share_slept, "share_told_percent": share_told})
    print(f"{len(times)} READs of {SIZE >> 10} KiB, one at a time, {options.backend}; the worst is off by {worst:.1f} %")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"ops": len(times), "backend": options.backend, "tolerance_percent": options.tolerance, "places": rows}, file, indent=2)
    sys.exit(0 if worst <= options.tolerance else 1)


main()
PYTHON
