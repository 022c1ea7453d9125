using System.Net.Sockets;
using System.Text.Json;
using Harness.Io;
using Harness.Load;
using Harness.Nbd;
using Harness.Serve;

namespace Harness.Tests;

/// <summary>
/// Our counters see only the calls that we make and believe to make. Here the kernel counts the same threads, of a server in its own process and of a
/// client's loop, on each backend in each wait mode.
/// </summary>
public sealed class SystemCallCounterTests
{
    // Not ours: the runtime maps and protects code on this very thread while it tiers up (strace shows some 125 calls of mmap, mprotect, munmap and
    // futex in a server's first 30,000 requests), and the thread falls asleep and wakes up around the counted part.
    private const int Allowance = 150;

    public static TheoryData<string> Backends { get; } = [.. LoopBackends.All];

    public static TheoryData<string, string> BackendsAndWaits { get; } = Pairs();

    [SkippableTheory]
    [MemberData(nameof(BackendsAndWaits))]
    public void The_kernel_counts_what_we_count(string backend, string wait) => HoldAgainstTheKernel(backend, wait, seeded: null);

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void The_kernel_counts_a_seeded_system_call_as_we_do(string backend) => HoldAgainstTheKernel(backend, "block", SeededRegression.SystemCall);

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void The_kernel_counts_what_we_count_by_name(string backend)
    {
        // What the runtime makes on this thread too is not compared: it reads and closes files of its own.
        SystemCall[] names = [.. Enum.GetValues<SystemCall>().Where(call => call is not (SystemCall.read or SystemCall.close or SystemCall.fcntl))];
        using var folder = new TempDir();
        using HarnessServer server = HarnessServer.Start(backend, HarnessServer.Unix, "memory:16M", "--control", folder.File("c"));
        using var client = new ClientThread(server.Uri, backend, "block", TestScale.Pick(10_000, 100_000));
        int serverThread = Stats(folder.File("c")).GetProperty("loop_thread_ids")[0].GetInt32();
        using var perf = new PerfCounter([.. names.Select(Event)], serverThread, client.ThreadId);

        perf.Start();
        JsonElement start = Stats(folder.File("c"), "stats all");
        client.Run();
        JsonElement end = Stats(folder.File("c"), "stats all");
        perf.Stop();
        foreach (SystemCall call in names)
        {
            IReadOnlyDictionary<int, long> kernel = perf.Read(Event(call));
            Assert.True(kernel.GetValueOrDefault(client.ThreadId) == client.SystemCallsByName[(int)call], $"client: {call}: the kernel counted {kernel.GetValueOrDefault(client.ThreadId)}, we {client.SystemCallsByName[(int)call]}");

            // Asking at the edges wakes the server's loop, within the kernel's count.
            Assert.InRange(kernel.GetValueOrDefault(serverThread) - (Called(end, call) - Called(start, call)), 0, 6);
        }

        Assert.Contains(client.SystemCallsByName, count => count > 1000);
    }

    private static string Event(SystemCall call) => $"syscalls:sys_enter_{call}";

    private static long Called(JsonElement stats, SystemCall call) =>
        stats.GetProperty("work").GetProperty("system_calls_by_name").TryGetProperty(call.ToString(), out JsonElement count) ? count.GetInt64() : 0;

    private static void HoldAgainstTheKernel(string backend, string wait, string? seeded)
    {
        using var folder = new TempDir();
        using HarnessServer server = HarnessServer.StartSeeded(seeded, backend, "--wait", wait, "--control", folder.File("c"));
        using var client = new ClientThread(server.Uri, backend, wait, TestScale.Pick(10_000, 100_000));
        int serverThread = Stats(folder.File("c")).GetProperty("loop_thread_ids")[0].GetInt32();
        using var perf = new PerfCounter([PerfCounter.AllSystemCalls], serverThread, client.ThreadId);

        // A spinning poll or epoll calls all the time, so the server's count is taken on both sides of the kernel's start and stop, and must enclose it.
        long beforeStart = ServerCalls(folder.File("c"));
        perf.Start();
        long afterStart = ServerCalls(folder.File("c"));
        client.Run();
        long beforeStop = ServerCalls(folder.File("c"));
        perf.Stop();
        long afterStop = ServerCalls(folder.File("c"));
        IReadOnlyDictionary<int, long> kernel = perf.Read(PerfCounter.AllSystemCalls);
        Assert.Equal(0, client.Errors);
        AssertWithin("client", kernel[client.ThreadId], client.SystemCalls, client.SystemCalls);
        AssertWithin("server", kernel[serverThread], beforeStop - afterStart, afterStop - beforeStart);
    }

    private static void AssertWithin(string side, long kernels, long least, long most)
    {
        Assert.True(least > 1000, $"{side}: only {least} calls, so the comparison says nothing");
        Assert.True(kernels >= least - Allowance && kernels <= most + Allowance, $"{side}: the kernel counted {kernels} system calls, we {least} to {most}");
    }

    private static long ServerCalls(string control) => Stats(control).GetProperty("system_calls").GetInt64();

    private static JsonElement Stats(string control, string command = "stats")
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(control));
        using var stream = new NetworkStream(socket);
        stream.Write(System.Text.Encoding.ASCII.GetBytes(command + "\n"));
        using var reader = new StreamReader(stream);
        return JsonDocument.Parse(reader.ReadLine()!).RootElement;
    }

    private static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (string backend in LoopBackends.All)
        {
            foreach (string wait in new[] { "block", "spin", "adaptive" })
            {
                pairs.Add(backend, wait);
            }
        }

        return pairs;
    }

    /// <summary>A load on a thread of its own, which sleeps before and after the counted phase.</summary>
    private sealed class ClientThread : IDisposable
    {
        private readonly ManualResetEventSlim _connected = new();
        private readonly ManualResetEventSlim _go = new(false, spinCount: 0);
        private readonly ManualResetEventSlim _done = new();
        private readonly ManualResetEventSlim _end = new(false, spinCount: 0);
        private readonly Thread _thread;

        public ClientThread(string uri, string backend, string wait, long ops)
        {
            _thread = new Thread(() => Work(uri, backend, wait, ops)) { IsBackground = true };
            _thread.Start();
            _connected.Wait();
        }

        public int ThreadId { get; private set; }

        public long SystemCalls { get; private set; }

        public long[] SystemCallsByName { get; } = new long[LoopCounters.SystemCallNames];

        public long Errors { get; private set; }

        public void Run()
        {
            _go.Set();
            _done.Wait();
        }

        public void Dispose()
        {
            _go.Set();
            _end.Set();
            _thread.Join();
        }

        private void Work(string uri, string backend, string wait, long ops)
        {
            ThreadId = ThreadUsage.CurrentThreadId();
            var options = new LoadOptions { Uri = uri, Backend = backend, Wait = wait, Depth = 4, ReadPercent = 50 };
            using var loop = new EventLoop(LoopBackends.Create(backend), Enum.Parse<WaitMode>(wait, ignoreCase: true));
            NbdUri.TryParse(uri, out NbdUri? parsed, out _);
            IReadOnlyList<SocketEndpoint> endpoints = EndpointResolver.Resolve(parsed!);
            using var session = new LoadSession(loop, options, handler => new ClientConnector(loop, endpoints, 0, handler).Start(), new NbdClientOptions());
            session.Connect();
            session.Prepare(null);
            session.RunPhase(1000, TimeSpan.Zero);
            _connected.Set();
            _go.Wait();
            long[] before = [.. loop.Counters.SystemCallsByName];
            long allBefore = loop.Counters.SystemCalls;
            session.RunPhase(ops, TimeSpan.Zero);
            SystemCalls = loop.Counters.SystemCalls - allBefore;
            for (int call = 0; call < before.Length; call++)
            {
                SystemCallsByName[call] = loop.Counters.SystemCallsByName[call] - before[call];
            }

            Errors = session.Errors;
            _done.Set();
            _end.Wait();
            session.Disconnect();
        }
    }
}
