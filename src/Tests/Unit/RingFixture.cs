using System.IO.Pipes;
using System.Net.Sockets;
using Harness.Io;

namespace Harness.Tests;

/// <summary>Rings for tests, and waits that end: where io_uring is refused, the test is skipped and says why.</summary>
internal static class RingFixture
{
    /// <summary>Ends a wait that would last for ever. Not a bound on speed.</summary>
    public const long WatchdogNs = 20_000_000_000;

    public static Ring Open(RingOptions? options = null, RingEnvironment? environment = null)
    {
        Skip.IfNot(RingProbe.TryRun(out _, out RingUnavailableException? reason), reason?.Message);
        var ring = new Ring(options ?? new RingOptions { Entries = 8 }, environment ?? RingEnvironment.Real);
        ring.Enable();
        return ring;
    }

    public static void Require(RingOpcode opcode) => Skip.IfNot(RingProbe.Run().IsSupported(opcode), $"this kernel has no IORING_OP_{opcode}");

    public static void Require(Ring ring, RingFeatures feature) =>
        Skip.IfNot((ring.Features & feature) != 0, $"this kernel has no IORING_FEAT_{feature}");

    public static void Require(Ring ring, SetupFlags flag) => Skip.IfNot((ring.Flags & flag) != 0, $"this kernel does not grant IORING_SETUP_{flag}");

    /// <summary>Submits what is prepared and takes exactly so many completions.</summary>
    public static List<Cqe> Take(this Ring ring, int count)
    {
        var taken = new List<Cqe>();
        while (taken.Count < count)
        {
            if (ring.TryTake(out Cqe cqe))
            {
                taken.Add(cqe);
                continue;
            }

            int result = ring.SubmitAndWait(1, WatchdogNs);
            Assert.True(result >= 0, $"waited in vain for completion {taken.Count + 1} of {count}: {result}");
        }

        return taken;
    }

    public static Cqe TakeOne(this Ring ring) => ring.Take(1)[0];

    /// <summary>Submits, brings in what is there, and shows that the queue is empty.</summary>
    public static void AssertQuiet(this Ring ring)
    {
        Assert.True(ring.SubmitAndWait(0, 0) >= 0);
        Assert.False(ring.TryPeek(out Cqe cqe), $"an unexpected completion: {cqe.UserData} {cqe.Result} {cqe.Flags}");
    }

    public static int Fd(this Socket socket) => (int)socket.Handle;
}

/// <summary>A pipe with its two descriptors.</summary>
internal sealed class TestPipe : IDisposable
{
    private readonly AnonymousPipeServerStream _writer = new(PipeDirection.Out, HandleInheritability.None);

    public int ReadFd => (int)_writer.ClientSafePipeHandle.DangerousGetHandle();

    public int WriteFd => (int)_writer.SafePipeHandle.DangerousGetHandle();

    public void Write(params byte[] bytes) => _writer.Write(bytes);

    public void CloseReader() => _writer.ClientSafePipeHandle.Dispose();

    public void CloseWriter() => _writer.SafePipeHandle.Dispose();

    public void Dispose()
    {
        CloseReader();
        _writer.Dispose();
    }
}

/// <summary>Two connected TCP sockets on the loopback, and the listener they met at.</summary>
internal sealed class TestSockets : IDisposable
{
    public TestSockets(bool connect = true)
    {
        Listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Listener.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        Listener.Listen(16);
        if (connect)
        {
            Near = Connect();
            Far = Listener.Accept();
            Near.NoDelay = Far.NoDelay = true;
        }
    }

    public Socket Listener { get; }

    public Socket Near { get; } = null!;

    public Socket Far { get; } = null!;

    public Socket Connect()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(Listener.LocalEndPoint!);
        return socket;
    }

    public void Dispose()
    {
        Near?.Dispose();
        Far?.Dispose();
        Listener.Dispose();
    }
}
