using System.Net;
using System.Net.Sockets;
using Harness.Io;

namespace Harness.Tests;

/// <summary>The example of the README: a server on the event loop, with the runtime's own sockets.</summary>
public sealed class LoopExample
{
    // <example>
    private sealed class EchoServer(EventLoop loop, Socket listener) : IFdHandler, ISignalHandler
    {
        private readonly Dictionary<FdEvent, Socket> _clients = [];
        private readonly byte[] _buffer = new byte[4096];

        public void Start()
        {
            listener.Blocking = false;                          // Another process may take the connection that we are told of.
            loop.AddFd(new FdEvent(this), (int)listener.Handle, FdFlags.Read);
            loop.AddSignal(new SignalEvent(this), 15 /* SIGTERM */);
        }

        public void OnReady(FdEvent fdEvent, FdFlags ready)
        {
            if (!_clients.TryGetValue(fdEvent, out Socket? client))
            {
                client = listener.Accept();
                var added = new FdEvent(this);
                _clients[added] = client;
                loop.AddFd(added, (int)client.Handle, FdFlags.Read);
            }
            else if (client.Receive(_buffer) is > 0 and int count)
                client.Send(_buffer.AsSpan(0, count));          // What is left unread is told again: level-triggered.
            else
            {
                loop.RemoveFd(fdEvent);                         // First the event, then the descriptor: right on every backend.
                client.Dispose();
                _clients.Remove(fdEvent);
            }
        }

        public void OnEnded(FdEvent fdEvent, int error) => _clients.Remove(fdEvent);

        public void OnSignal(SignalEvent signalEvent, int count) => loop.Stop();
    }

    private static void Serve(Socket listener, string backend)
    {
        using var loop = new EventLoop(LoopBackends.Create(backend));   // The loop is this thread's.
        new EchoServer(loop, listener).Start();
        loop.Run();                                             // Or LoopOnce, again and again: one handler each.
    }
    // </example>

    public static IEnumerable<object[]> Backends => LoopBackends.All.Select(name => new object[] { name });

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task The_example_echoes_to_several_clients_and_ends_on_a_signal(string backend)
    {
        if (backend.StartsWith("uring", StringComparison.Ordinal))
        {
            Skip.IfNot(RingProbe.TryRun(out _, out RingUnavailableException? reason), reason?.Message);
        }

        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Task server = Task.Factory.StartNew(() => Serve(listener, backend), TaskCreationOptions.LongRunning);
        var clients = new List<Socket>();
        for (int i = 0; i < 3; i++)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            client.Connect(listener.LocalEndPoint!);
            clients.Add(client);
        }

        foreach (Socket client in clients)
        {
            byte[] sent = [1, 2, 3, (byte)clients.IndexOf(client)];
            client.Send(sent);
            var received = new byte[4];
            int count = 0;
            while (count < received.Length)
            {
                count += client.Receive(received.AsSpan(count));
            }

            Assert.Equal(sent, received);
        }

        clients.ForEach(client => client.Dispose());
        using var kill = System.Diagnostics.Process.Start("kill", ["-TERM", $"{Environment.ProcessId}"]);
        await server.WaitAsync(TimeSpan.FromSeconds(20));
    }
}
