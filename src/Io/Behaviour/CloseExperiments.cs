using System.Net;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>What a raw close(2) does to what is pending on the descriptor.</summary>
internal static unsafe class CloseExperiments
{
    private const string StaysPending =
        "an operation holds its file open: after a raw close(2) the peer sees no end, and a later event still completes it; cancel before closing, as the loop's Close does";

    public static IReadOnlyList<Experiment> All { get; } =
    [
        new("close with a pending poll", "nothing at the close; then a byte from the peer: poll 1", StaysPending, lab =>
        {
            (int fd, int peer) = lab.Pair();
            lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: false, 0);
            return CloseThenByte(lab, fd, peer, "poll");
        }),
        new("close with a pending receive", "nothing at the close; then a byte from the peer: receive 1", StaysPending, lab =>
        {
            (int fd, int peer) = lab.Pair();
            lab.Ring.PrepareReceive(fd, lab.Memory.Whole.Address, 64, 0, 0);
            return CloseThenByte(lab, fd, peer, "receive");
        })
        {
            Needs = RingOpcode.RECV,
        },
        new("close with a pending accept", "nothing at the close; then a connection: accepted", StaysPending, Accept) { Needs = RingOpcode.ACCEPT },
        new(
            "close of a descriptor in an epoll set that the ring polls",
            "nothing at the close, nothing after a byte from the peer",
            "the set lets go of a file that is closed: a ring that polls an epoll set keeps the rule that a closed descriptor fires no more",
            EpollSet),
        new(
            "close of a descriptor in an epoll set that the ring waits on",
            "wait 1 for a byte; after the close nothing at the next byte",
            "IORING_OP_EPOLL_WAIT brings the events themselves, keeps the same rule, and looks when the ring's thread enters",
            EpollWait)
        {
            Needs = RingOpcode.EPOLL_WAIT,
        },
        new(
            "cancel by descriptor after its close",
            "EBADF",
            "whoever closes first can no longer name by descriptor what is still pending",
            lab =>
            {
                (int fd, _) = lab.Pair();
                lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: false, 0);
                lab.Submit();
                lab.Close(fd);
                lab.Ring.PrepareCancelFd(fd, all: true, 0);
                return lab.Next() is { } cqe ? BehaviourLab.Text(cqe.Result) : "nothing";
            })
        {
            // As old as the cancellation by descriptor (5.19).
            Needs = RingOpcode.SOCKET,
        },
    ];

    private static string CloseThenByte(BehaviourLab lab, int fd, int peer, string name)
    {
        lab.Submit();
        lab.Close(fd);
        string atClose = lab.IsQuiet() ? "nothing" : "a completion";
        lab.Write(peer);
        return $"{atClose} at the close; then a byte from the peer: {lab.Results(1, name)}";
    }

    private static string Accept(BehaviourLab lab)
    {
        int fd = lab.Listener();
        int port = Sockets.LocalPort(fd);
        lab.Ring.PrepareAccept(fd, Socket.SOCK_CLOEXEC, multishot: false, 0);
        lab.Submit();
        lab.Close(fd);
        string atClose = lab.IsQuiet() ? "nothing" : "a completion";
        SocketEndpoint endpoint = SocketEndpoint.Internet(IPAddress.Loopback, port);
        int client = lab.Keep(Sockets.Create(endpoint));
        int connected = Socket.connect(client, endpoint.Address, (uint)endpoint.Length);
        string then = connected != 0 ? "refused" : lab.Next() is not { Result: >= 0 } cqe ? "nothing" : $"accepted{(lab.Keep(cqe.Result) < 0 ? "?" : "")}";
        return $"{atClose} at the close; then a connection: {then}";
    }

    private static string EpollSet(BehaviourLab lab)
    {
        (int set, int fd, int peer) = SetOfOne(lab);
        lab.Ring.PreparePollAdd(set, (uint)Poll.POLLIN, multishot: false, 0);
        lab.Submit();
        lab.Close(fd);
        string atClose = lab.IsQuiet() ? "nothing" : "a completion";
        lab.Write(peer);
        return $"{atClose} at the close, {(lab.IsQuiet() ? "nothing" : "a completion")} after a byte from the peer";
    }

    private static string EpollWait(BehaviourLab lab)
    {
        (int set, int fd, int peer) = SetOfOne(lab);
        nint room = lab.Memory.Whole.Address;
        lab.Ring.PrepareEpollWait(set, room, 8, 0);
        lab.Submit();
        lab.Write(peer);
        string first = lab.Results(1, "wait");
        lab.Close(fd);
        lab.Ring.PrepareEpollWait(set, room, 8, 0);
        lab.Submit();
        lab.Write(peer);
        return $"{first} for a byte; after the close {(lab.IsQuiet() ? "nothing" : "a completion")} at the next byte";
    }

    /// <summary>An epoll set with one end of a pair in it.</summary>
    private static (int Set, int Fd, int Peer) SetOfOne(BehaviourLab lab)
    {
        int set = lab.Keep(Epoll.epoll_create1(Epoll.EPOLL_CLOEXEC));
        (int fd, int peer) = lab.Pair();
        byte* registration = stackalloc byte[16];
        *(uint*)registration = Epoll.EPOLLIN;
        *(long*)(registration + Epoll.Layout.DataOffset) = fd;
        _ = Epoll.epoll_ctl(set, Epoll.EPOLL_CTL_ADD, fd, registration);
        return (set, fd, peer);
    }
}
