using Harness.Io;

namespace Harness.Tests;

/// <summary>A loop that is a guest in another: what it asks its host to wait for, and that it never sleeps itself.</summary>
public class GuestLoopTests
{
    [Fact]
    public void A_receive_asks_for_reading_and_ends_when_its_host_says_so()
    {
        using var guest = new GuestLoop();
        (int fd, int peer) = Sockets.Pair();
        using var memory = new NativeBuffer(16);
        var receive = new Recorded();
        guest.Loop.Receive(receive.Operation, fd, memory.Whole);
        Assert.Equal((1, fd, FdFlags.Read), (guest.Count, guest[0].Fd, guest[0].Wanted));

        // Told without cause it stays as it is.
        guest.Notify(fd, FdFlags.ReadWrite);
        Assert.Equal((0, 1), (receive.Count, guest.Count));
        FdBytes.Write(peer, 3);
        guest.Notify(fd, FdFlags.Read);
        Assert.Equal((1, 3), (receive.Count, receive.Result));
        Assert.Equal(0, guest.Count);
        Close(guest, fd);
        Sockets.CloseUnused(peer);
    }

    [Fact]
    public void A_timer_is_a_time_limit()
    {
        using var guest = new GuestLoop();
        Assert.Equal(-1, guest.TimeoutMs);
        var fired = new Fired();
        guest.Loop.StartTimerAfter(new LoopTimer(fired), 5_000_000);
        Assert.InRange(guest.TimeoutMs, 0, 5);
        while (fired.Count == 0)
        {
            guest.WaitAndNotify(20_000);
        }

        Assert.Equal(-1, guest.TimeoutMs);
    }

    [Fact]
    public void What_another_thread_posts_makes_the_wake_up_readable_once()
    {
        using var guest = new GuestLoop();
        Assert.False(FdBytes.IsReadable(guest.WakeFd));
        int ran = 0;
        var other = new Thread(() =>
        {
            guest.Loop.Post(() => ran++);
            guest.Loop.Post(() => ran++);
        });
        other.Start();
        other.Join();
        Assert.True(FdBytes.IsReadable(guest.WakeFd));
        Assert.Equal((0, 0), (ran, guest.TimeoutMs));
        guest.NotifyWake();
        Assert.Equal(2, ran);
        Assert.False(FdBytes.IsReadable(guest.WakeFd));
    }

    [Fact]
    public void What_one_call_leaves_to_be_done_keeps_the_wake_up_readable()
    {
        using var guest = new GuestLoop();
        int ran = 0;
        guest.Loop.Post(() =>
        {
            ran++;
            guest.Loop.Post(() => ran++);
        });
        guest.NotifyWake();
        Assert.Equal(1, ran);
        Assert.True(FdBytes.IsReadable(guest.WakeFd));
        guest.NotifyWake();
        Assert.Equal(2, ran);
    }

    [Fact]
    public void It_refuses_to_sleep()
    {
        using var guest = new GuestLoop();
        Assert.Throws<InvalidOperationException>(guest.Loop.RunOnce);
    }

    [Fact]
    public void Many_descriptors_and_their_events()
    {
        using var guest = new GuestLoop();
        var told = new List<int>();
        var events = new List<(FdEvent Event, int Fd, int Peer)>();
        for (int i = 0; i < 100; i++)
        {
            (int fd, int peer) = Sockets.Pair();
            var fdEvent = new FdEvent(new Teller(told));
            guest.Loop.AddFd(fdEvent, fd, FdFlags.Read);
            events.Add((fdEvent, fd, peer));
        }

        Assert.Equal(100, guest.Count);
        FdBytes.Write(events[17].Peer);
        FdBytes.Write(events[99].Peer);
        guest.WaitAndNotify(20_000);
        Assert.Equal([events[17].Fd, events[99].Fd], told.Order());
        foreach ((FdEvent fdEvent, int fd, int peer) in events)
        {
            guest.Loop.RemoveFd(fdEvent);
            Sockets.CloseUnused(fd);
            Sockets.CloseUnused(peer);
        }

        Assert.Equal(0, guest.Count);
    }

    private static void Close(GuestLoop guest, int fd)
    {
        var close = new Recorded();
        guest.Loop.Close(close.Operation, fd);
        guest.RunTurn();
        Assert.Equal((1, 0), (close.Count, close.Result));
    }

    private sealed class Fired : ITimerHandler
    {
        public int Count { get; private set; }

        public void OnTimer(LoopTimer timer) => Count++;
    }

    private sealed class Teller(List<int> told) : IFdHandler
    {
        public void OnReady(FdEvent fdEvent, FdFlags ready) => told.Add(fdEvent.Fd);

        public void OnEnded(FdEvent fdEvent, int error) => Assert.Fail($"descriptor {fdEvent.Fd} ended with {error}");
    }
}
