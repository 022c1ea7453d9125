using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A stream in memory with a transport at either end, both on one loop: client and server in one simulated world. No byte takes any time.</summary>
internal sealed class SimulatedPipe
{
    public SimulatedPipe(EventLoop loop)
    {
        var client = new End(loop, "server");
        var server = new End(loop, "client");
        client.Other = server;
        server.Other = client;
        (Client, Server) = (client, server);
    }

    public ITransport Client { get; }

    public ITransport Server { get; }

    /// <summary>Bytes that the client has sent.</summary>
    public long ClientBytes => ((End)Client).Sent;

    private sealed class End(EventLoop loop, string peer) : ITransport
    {
        private readonly Queue<byte> _incoming = new();
        private IoOperation? _receive;
        private NativeSlice _into;
        private bool _closed;

        public End Other { get; set; } = null!;

        public EventLoop Loop => loop;

        public string Peer => peer;

        public long Sent { get; private set; }

        public void Receive(IoOperation operation, NativeSlice into)
        {
            loop.BeginCustom(operation);
            (_receive, _into) = (operation, into);
            Deliver();
        }

        public void WaitReadable(IoOperation operation) => Receive(operation, default);

        public void Send(IoOperation operation, SendVector vector)
        {
            loop.BeginCustom(operation);
            ReadOnlySpan<byte> run = vector.First().Span;
            foreach (byte b in run)
            {
                Other._incoming.Enqueue(b);
            }

            Sent += run.Length;
            loop.Complete(operation, run.Length);
            Other.Deliver();
        }

        public void Close(IoOperation operation)
        {
            _closed = true;
            EndReceive(-Errno.ECANCELED);
            loop.BeginCustom(operation);
            loop.Complete(operation, 0);
            Other.Deliver();
        }

        public void Cancel(IoOperation operation) => EndReceive(-Errno.ECANCELED);

        private void Deliver()
        {
            if (_receive is null || (_incoming.Count == 0 && !Other._closed))
            {
                return;
            }

            int count = Math.Min(_incoming.Count, _into.Length);
            for (int i = 0; i < count; i++)
            {
                _into.Span[i] = _incoming.Dequeue();
            }

            EndReceive(count);
        }

        private void EndReceive(int result)
        {
            if (_receive is { } operation)
            {
                _receive = null;
                loop.Complete(operation, result);
            }
        }
    }
}
