using System.Text.Json;

namespace Harness.Tests;

/// <summary>What <c>load</c> says of where the time went, from two real processes: counts that are the same on every run, and times that add up.</summary>
public sealed class ExplainTests
{
    private const int Ops = 2000;
    private const int RequestBytes = 4096;
    private const int RequestHeader = 28;
    private const int ReplyHeader = 16;

    public static TheoryData<string> Backends { get; } = [.. Io.LoopBackends.All];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void System_calls_by_name_add_up_to_all_of_them(string backend)
    {
        JsonElement load = Load(backend, "mix:50", depth: 4, connections: 3);
        Assert.All(Sides, side =>
        {
            double[] calls = [.. Side(load, side).GetProperty("syscalls_by_name_per_op").EnumerateObject().Select(call => call.Value.GetDouble())];
            Assert.All(calls, call => Assert.True(call > 0));
            Assert.Equal(load.GetProperty(side).GetProperty("syscalls_per_op").GetDouble(), calls.Sum(), 1e-9);
        });
    }

    [SkippableTheory]
    [InlineData("poll", "ppoll 1,recvfrom 1,sendmsg 1")]
    [InlineData("epoll", "epoll_wait 1,recvfrom 1,sendmsg 1")]
    [InlineData("uring-poll", "io_uring_enter 1,recvfrom 1,sendmsg 1")]
    [InlineData("uring", "io_uring_enter 2")]
    public void One_request_at_a_time_makes_each_call_so_often(string backend, string calls)
    {
        JsonElement load = Load(backend, "read", depth: 1);
        Assert.All(Sides, side =>
        {
            // A client with a timer waits by epoll_pwait2; being asked for counters is a read of an eventfd.
            var found = Side(load, side).GetProperty("syscalls_by_name_per_op").EnumerateObject()
                .GroupBy(call => call.Name.Replace("pwait2", "wait", StringComparison.Ordinal), call => call.Value.GetDouble())
                .Select(call => (call.Key, Calls: Math.Round(call.Sum(), 1)))
                .Where(call => call.Calls > 0)
                .OrderBy(call => call.Key, StringComparer.Ordinal)
                .Select(call => FormattableString.Invariant($"{call.Key} {call.Calls}"));
            Assert.Equal(calls, string.Join(',', found));
        });
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Every_request_and_reply_is_in_one_batch_of_a_receive_and_of_a_send(string backend)
    {
        JsonElement load = Load(backend, "mix:50", depth: 16, connections: 2);
        AssertMessages(Ops, load);

        // More than the sockets hold, so that most receives bring no header and sends go on where they were cut off.
        load = Load(backend, "mix:50", depth: 2, connections: 1, size: 2 << 20, ops: 40);
        AssertMessages(40, load);
        Assert.True(Side(load, "server").GetProperty("messages_per_receive").GetProperty("counts").TryGetProperty("0", out _));
    }

    [SkippableTheory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void Copies_are_those_of_the_data_by_us_and_of_everything_by_the_kernel(string backend)
    {
        JsonElement read = Load(backend, "read", depth: 1);
        Assert.Equal([RequestBytes, 0], Copied(read, "user_copied_bytes_per_op"));
        double wire = RequestHeader + ReplyHeader + RequestBytes;
        Assert.Equal([wire, wire], Copied(read, "kernel_copied_bytes_per_op"));

        JsonElement write = Load(backend, "write", depth: 1);
        Assert.Equal([0, RequestBytes], Copied(write, "user_copied_bytes_per_op"));
        Assert.Equal([wire, wire], Copied(write, "kernel_copied_bytes_per_op"));
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void A_large_payload_is_received_where_the_block_takes_it_from(string backend)
    {
        const int Large = 256 << 10;
        double copied = Copied(Load(backend, "write", depth: 8, size: Large, ops: 400), "user_copied_bytes_per_op")[1];

        // The memory block's own copy, and the headers; the first payload comes with whatever was received before it.
        Assert.InRange(copied, Large, Large + RequestHeader + (Large / 200));
    }

    [SkippableTheory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void What_goes_through_a_file_is_copied_by_the_kernel_once_more(string backend)
    {
        using var folder = new TempDir();
        using (FileStream file = File.Create(folder.File("disk")))
        {
            file.SetLength(16 << 20);
        }

        JsonElement load = Load(backend, "mix:50", depth: 4, block: $"file:{folder.File("disk")}");
        double wire = RequestHeader + ReplyHeader + RequestBytes;
        Assert.Equal([wire, wire + RequestBytes], Copied(load, "kernel_copied_bytes_per_op"));
    }

    [SkippableTheory]
    [InlineData("block")]
    [InlineData("spin")]
    public void The_times_of_a_loop_add_up_to_the_measured_time(string wait)
    {
        const int Many = 20_000;
        JsonElement load = Load("epoll", "read", depth: 4, ops: Many, more: ["--wait", wait]);
        double perOp = 1e6 * load.GetProperty("seconds").GetDouble() / Many;
        Assert.All(Sides, name =>
        {
            JsonElement side = Side(load, name);
            double wallUs = side.GetProperty("wall_us_per_op").GetDouble();

            // The server is asked before and after the client's own measured part.
            Assert.InRange(wallUs, 0.99 * perOp, (1.5 * perOp) + (500_000.0 / Many));
            double parts = new[] { "user_us_per_op", "kernel_us_per_op", "runnable_us_per_op", "asleep_us_per_op" }.Sum(part => Number(side, part) ?? 0);

            // Read one after the other: a thread that is kept from running in between has that among its times.
            Assert.InRange(parts, wallUs - 0.001, wallUs + (50_000.0 / Many));
        });
    }

    [SkippableFact]
    public void The_wall_time_of_two_loops_is_twice_that_of_one()
    {
        JsonElement load = Load("epoll", "read", depth: 1, connections: 2, ops: 10_000, server: ["--loops", "2"]);
        double ratio = Number(Side(load, "server"), "wall_us_per_op")!.Value / Number(Side(load, "client"), "wall_us_per_op")!.Value;
        Assert.InRange(ratio, 1.9, 4);
    }

    [SkippableFact]
    public void Of_a_server_that_only_its_process_tells_of_the_time_on_a_cpu_is_known()
    {
        using var server = HarnessServer.Start("epoll", HarnessServer.Unix, "memory:16M");
        JsonElement load = Run(server, "epoll", "read", 1, 1, RequestBytes, 20_000, ["--server-pid", $"{server.ProcessId}"]);
        JsonElement side = Side(load, "server");
        double onCpuUs = Number(side, "user_us_per_op")!.Value + Number(side, "kernel_us_per_op")!.Value;
        Assert.Equal(load.GetProperty("server").GetProperty("cpu_us_per_op").GetDouble(), onCpuUs, 1e-6);
        string[] unknown = ["wall_us_per_op", "asleep_us_per_op", "syscalls_by_name_per_op", "messages_per_send"];
        Assert.All(unknown, name => Assert.Equal(JsonValueKind.Null, side.GetProperty(name).ValueKind));
    }

    [SkippableFact]
    public void A_server_that_spins_is_charged_for_the_measured_part_and_not_for_the_wait_before_it()
    {
        const int Few = 2_000;
        using var server = HarnessServer.Start("epoll", HarnessServer.Unix, "memory:16M", "--wait", "spin");
        JsonElement load = Run(server, "epoll", "read", 1, 1, RequestBytes, Few, ["--server-pid", $"{server.ProcessId}"]);
        double usedSeconds = load.GetProperty("server").GetProperty("cpu_us_per_op").GetDouble() * Few / 1e6;

        // The two readings are outside; waiting for the compiler takes 0.22 s at least.
        Assert.InRange(usedSeconds, 0, load.GetProperty("seconds").GetDouble() + 0.15);
    }

    [SkippableFact]
    public void The_text_has_the_table_where_it_is_asked_for()
    {
        using var folder = new TempDir();
        using var server = HarnessServer.Start("epoll", HarnessServer.Unix, "memory:16M", "--control", folder.File("control"));
        string[] arguments = ["load", server.Uri, "--backend", "epoll", "--ops", "100", "--server-control", folder.File("control")];
        Assert.DoesNotContain("where the time goes", Tool.Run(HarnessServer.Program, arguments).Succeeded().Output, StringComparison.Ordinal);
        string text = Tool.Run(HarnessServer.Program, [.. arguments, "--explain"]).Succeeded().Output;
        Assert.Matches("(?s)where the time goes +client +server\n.*\n  user code .*\n  recvfrom .*\nserver: requests per receive ", text);
    }

    private static readonly string[] Sides = ["client", "server"];

    private static JsonElement Side(JsonElement load, string side) => load.GetProperty("explain").GetProperty(side);

    private static double? Number(JsonElement side, string name) =>
        side.GetProperty(name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    private static double[] Copied(JsonElement load, string figure) => [.. Sides.Select(side => Side(load, side).GetProperty(figure).GetDouble())];

    // Of receives and of sends on both sides: the mean by the number of batches.
    private static void AssertMessages(int ops, JsonElement load)
    {
        string[] names = ["messages_per_receive", "messages_per_send"];
        foreach (JsonElement batches in Sides.SelectMany(side => names.Select(name => Side(load, side).GetProperty(name))))
        {
            long count = batches.GetProperty("counts").EnumerateObject().Sum(bucket => bucket.Value.GetInt64());
            Assert.Equal(ops, batches.GetProperty("mean").GetDouble() * count, 0.001);
        }
    }

    private static JsonElement Load(
        string backend,
        string rw,
        int depth,
        int connections = 1,
        int size = RequestBytes,
        int ops = Ops,
        string block = "memory:16M",
        string[]? server = null,
        string[]? more = null)
    {
        using var folder = new TempDir();
        using var running = HarnessServer.Start(backend, HarnessServer.Unix, block, ["--control", folder.File("control"), .. more ?? [], .. server ?? []]);
        return Run(running, backend, rw, depth, connections, size, ops, ["--server-control", folder.File("control"), .. more ?? []]);
    }

    private static JsonElement Run(HarnessServer server, string backend, string rw, int depth, int connections, int size, int ops, string[] more)
    {
        string[] shape = ["--backend", backend, "--rw", rw, "--depth", $"{depth}", "--connections", $"{connections}", "--ops", $"{ops}", "--size", $"{size}"];
        return JsonDocument.Parse(Tool.Run(HarnessServer.Program, ["load", server.Uri, .. shape, "--json", "-", .. more]).Succeeded().Output).RootElement;
    }
}
