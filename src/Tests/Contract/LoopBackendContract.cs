using Harness.Io;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <summary>What every backend promises, whatever it asks the kernel for. Each backend's class below names it; the tests are the same.</summary>
public abstract partial class LoopBackendContract
{
    protected abstract string Backend { get; }

    [Fact]
    public void Names_itself()
    {
        using var test = new LoopHarness(Backend);
        Assert.Equal(TestedBackends.BackendOf(Backend), test.Loop.BackendName);
    }

    [Fact]
    public void More_operations_than_any_queue_holds_all_end()
    {
        using var test = new LoopHarness(Backend);
        int pairs = TestScale.Pick(400, 4000);
        using var buffer = new NativeBuffer(64);
        var all = new List<(int Fd, Socket Peer, Recorded Receive)>();
        for (int i = 0; i < pairs; i++)
        {
            (int fd, Socket peer) = test.Pair();
            var receive = new Recorded();
            test.Loop.Receive(receive.Operation, fd, buffer.Slice(i % 64, 1));
            all.Add((fd, peer, receive));
        }

        test.Loop.RunOnceWithoutSleep();
        foreach ((_, Socket peer, _) in all)
        {
            peer.Send("z"u8);
        }

        test.RunUntil(() => all.All(a => a.Receive.Count == 1), "every receive ends");
        Assert.All(all, a => Assert.Equal(1, a.Receive.Result));
        foreach ((int fd, Socket peer, _) in all)
        {
            test.Close(fd);
            peer.Dispose();
        }
    }

    [Fact]
    public void Steady_state_allocates_nothing()
    {
        using var test = new LoopHarness(Backend);
        (int first, int second) = Sockets.Pair();
        using var pong = new Echo(test.Loop, first);
        using var ping = new Echo(test.Loop, second);
        ping.Begin();
        pong.Begin();
        ping.Send(1);
        void Rounds(int n)
        {
            int until = ping.Rounds + n;
            while (ping.Rounds < until)
            {
                test.Loop.RunOnce();
            }
        }

        Rounds(2000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Rounds(2000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        ping.Quiet = true;
        pong.Quiet = true;
        test.Close(first);
        test.Close(second);
    }

    [Fact]
    public void Submitting_an_operation_in_flight_is_refused()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        Assert.Throws<InvalidOperationException>(() => test.Loop.Receive(receive.Operation, fd, buffer.Whole));
        peer.Dispose();
    }

    /// <summary>Sends back what it receives.</summary>
    private sealed class Echo : IIoHandler, IDisposable
    {
        private readonly EventLoop _loop;
        private readonly int _fd;
        private readonly NativeBuffer _buffer = new(64);
        private readonly SendVector _vector = new(4);
        private readonly IoOperation _receive;
        private readonly IoOperation _send;

        public Echo(EventLoop loop, int fd)
        {
            _loop = loop;
            _fd = fd;
            _receive = new IoOperation(this);
            _send = new IoOperation(this);
        }

        public int Rounds { get; private set; }

        public bool Quiet { get; set; }

        public void Begin() => _loop.Receive(_receive, _fd, _buffer.Whole);

        public void Send(int bytes)
        {
            _vector.Clear();
            _vector.Add(_buffer.Slice(0, bytes));
            _loop.Send(_send, _fd, _vector);
        }

        public void OnCompleted(IoOperation operation, int result)
        {
            if (operation == _receive && !Quiet)
            {
                Rounds++;
                Send(result);
                Begin();
            }
        }

        public void Dispose()
        {
            _buffer.Dispose();
            _vector.Dispose();
        }
    }
}

public sealed class PollContract : LoopBackendContract
{
    protected override string Backend => "poll";
}

public sealed class EpollContract : LoopBackendContract
{
    protected override string Backend => "epoll";
}

public sealed class UringPollContract : RingBackendContract
{
    protected override string Backend => "uring-poll";
}

public sealed class UringContract : RingBackendContract
{
    protected override string Backend => "uring";
}

public sealed class UringEpollContract : RingBackendContract
{
    protected override string Backend => "uring-epoll";
}

public sealed class UringPollMultishotUpdateContract : RingBackendContract
{
    protected override string Backend => TestedBackends.MultishotUpdate;
}

public sealed class UringEpollPollContract : RingBackendContract
{
    protected override string Backend => TestedBackends.EpollPoll;
}

public sealed class EpollGatheringContract : LoopBackendContract
{
    protected override string Backend => TestedBackends.EpollGathering;
}

public sealed class UringGatheringContract : RingBackendContract
{
    protected override string Backend => TestedBackends.UringGathering;
}
