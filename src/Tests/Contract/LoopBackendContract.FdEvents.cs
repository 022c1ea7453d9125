using Harness.Io;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Events of descriptors.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void An_event_is_told_as_long_as_the_descriptor_is_ready()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        var reader = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        Assert.False(test.Loop.LoopOnce(0));
        peer.Send("a"u8);
        for (int i = 1; i <= 3; i++)
        {
            Assert.True(test.Loop.LoopOnce(1_000_000_000), $"told {reader.Count} times");
            Assert.Equal((i, FdFlags.Read), (reader.Count, reader.Ready));
        }

        test.Loop.RemoveFd(reader.Event);
        Assert.False(test.Loop.LoopOnce(0));
        peer.Dispose();
    }
}

/// <summary>An event of a descriptor that remembers what it was told.</summary>
internal sealed class RecordedFd : IFdHandler
{
    public RecordedFd()
    {
        Event = new FdEvent(this);
    }

    public FdEvent Event { get; }

    public int Count { get; private set; }

    public FdFlags Ready { get; private set; }

    public int Ended { get; private set; }

    public int Error { get; private set; }

    public Action<FdFlags>? Then { get; set; }

    public void OnReady(FdEvent fdEvent, FdFlags ready)
    {
        Count++;
        Ready = ready;
        Then?.Invoke(ready);
    }

    public void OnEnded(FdEvent fdEvent, int error)
    {
        Ended++;
        Error = error;
    }
}
