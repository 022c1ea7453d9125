using System.Net.Sockets;
using System.Text;
using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>
/// Peers that vanish, fall silent, or send and never read: the other side reports it in one line and ends or goes on, and after many rounds of it nothing has
/// leaked.
/// </summary>
public sealed class HostilePeerTests
{
    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void A_server_outlives_a_thousand_bad_clients_and_keeps_nothing_of_them(string backend)
    {
        using HarnessServer server = HarnessServer.Start(backend, block: "memory:64M");
        int rounds = TestScale.Pick(80, 1000);
        BadRounds(server, 20);
        Thread.Sleep(300);
        int descriptors = Descriptors(server.ProcessId);
        long memoryKb = ResidentKb(server.ProcessId);
        BadRounds(server, rounds);
        Eventually(() => Descriptors(server.ProcessId) == descriptors, () => $"{Descriptors(server.ProcessId)} descriptors are open; {descriptors} were at the start");

        // The pools have grown to their working size in the first rounds; a leak of a connection's buffers would be hundreds of megabytes by now.
        Assert.True(ResidentKb(server.ProcessId) < memoryKb + (64 << 10), $"the server grew from {memoryKb} to {ResidentKb(server.ProcessId)} KiB");
        Tool.Run(HarnessServer.Program, "load", server.Uri, "--ops", "1000", "--rw", "mix:50", "--verify").Succeeded();
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void A_client_whose_server_is_killed_says_so_in_one_line(string backend)
    {
        using var folder = new TempDir();
        string uri = $"nbd+unix:///?socket={folder.File("s")}";
        using Child server = Serve(uri);
        using Child client = Load(uri, backend, "--duration", "60s", "--depth", "64", "--connections", "4");
        Thread.Sleep(700);
        server.Signal("KILL");
        Assert.Equal(1, client.WaitForExit(TimeSpan.FromSeconds(30)));
        string line = Assert.Single(client.Errors.TrimEnd().Split('\n'));
        Assert.Contains("connection", line, StringComparison.OrdinalIgnoreCase);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.FewBackendNames), MemberType = typeof(ServerCases))]
    public void A_client_whose_server_stops_reading_times_out_each_request_once(string backend)
    {
        using var folder = new TempDir();
        string uri = $"nbd+unix:///?socket={folder.File("s")}";
        using Child server = Serve(uri);
        using Child client = Load(uri, backend, "--duration", "2s", "--depth", "8", "--request-timeout", "300ms");
        Thread.Sleep(700);
        server.Signal("STOP");
        Assert.Equal(1, client.WaitForExit(TimeSpan.FromSeconds(30)));
        server.Signal("CONT");
        Assert.Contains("ETIMEDOUT", client.Errors);
    }

    private static void BadRounds(HarnessServer server, int rounds)
    {
        for (int round = 0; round < rounds; round++)
        {
            switch (round % 5)
            {
                case 0:
                    // Connects and leaves, as a port scanner does.
                    server.Connect().Dispose();
                    break;
                case 1:
                    // Leaves in the middle of the handshake.
                    using (Socket socket = server.Connect())
                    {
                        socket.Send("\0\0\0\u0003IHAVE"u8);
                    }

                    break;
                case 2:
                    // Leaves with a write half sent.
                    using (RawNbd nbd = Enter(server))
                    {
                        nbd.Send(Request(Write, 0, 0, 65536), new byte[1000]);
                    }

                    break;
                case 3:
                    // Asks for much and never reads it, then resets the connection.
                    using (RawNbd nbd = Enter(server))
                    {
                        for (uint i = 0; i < 64; i++)
                        {
                            nbd.Send(Request(Read, i, (ulong)i << 16, 1 << 20));
                        }

                        nbd.ResetAtClose();
                    }

                    break;
                case 4:
                    // Sends garbage.
                    using (RawNbd nbd = Enter(server))
                    {
                        nbd.Send(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n"));
                    }

                    break;
            }
        }
    }

    private static RawNbd Enter(HarnessServer server)
    {
        var nbd = new RawNbd(server);
        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, []));
        nbd.Receive(10);
        return nbd;
    }

    private static Child Serve(string uri)
    {
        Child server = Child.Start(HarnessServer.Program, ["serve", "--block", "memory:16M", "--listen", uri]);
        Assert.StartsWith("ready ", server.NextLine(TimeSpan.FromSeconds(30)));
        return server;
    }

    private static Child Load(string uri, string backend, params string[] more) =>
        Child.Start(HarnessServer.Program, ["load", uri, "--backend", backend, .. more]);

    private static int Descriptors(int process) => Directory.GetFileSystemEntries($"/proc/{process}/fd").Length;

    private static long ResidentKb(int process) =>
        long.Parse(File.ReadLines($"/proc/{process}/status")
            .First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);

    private static void Eventually(Func<bool> condition, Func<string> otherwise)
    {
        for (int tries = 0; tries < 200 && !condition(); tries++)
        {
            Thread.Sleep(50);
        }

        Assert.True(condition(), otherwise());
    }
}
