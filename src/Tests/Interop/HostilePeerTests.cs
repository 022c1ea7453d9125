using System.Net.Sockets;
using System.Text;

namespace Harness.Tests;

/// <summary>
/// Peers that vanish, fall silent, or send and never read: the other side reports it in one line and ends or goes on, and after many rounds of it nothing has
/// leaked.
/// </summary>
public sealed class HostilePeerTests
{
    public static TheoryData<string> Backends { get; } = ["poll", "epoll", "uring-poll", "uring"];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
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
    [MemberData(nameof(Backends))]
    public void A_client_whose_server_is_killed_says_so_in_one_line(string backend)
    {
        using var folder = new TempDir();
        string uri = $"nbd+unix:///?socket={folder.File("s")}";
        using Child server = Child.Start(HarnessServer.Program, ["serve", "--block", "memory:16M", "--listen", uri]);
        Assert.StartsWith("ready ", server.NextLine(TimeSpan.FromSeconds(30)));
        using Child client = Child.Start(HarnessServer.Program, ["load", uri, "--duration", "60s", "--depth", "64", "--connections", "4", "--backend", backend]);
        Thread.Sleep(700);
        server.Signal("KILL");
        Assert.Equal(1, client.WaitForExit(TimeSpan.FromSeconds(30)));
        string line = Assert.Single(client.Errors.TrimEnd().Split('\n'));
        Assert.Contains("connection", line, StringComparison.OrdinalIgnoreCase);
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void A_client_whose_server_stops_reading_times_out_each_request_once(string backend)
    {
        using var folder = new TempDir();
        string uri = $"nbd+unix:///?socket={folder.File("s")}";
        using Child server = Child.Start(HarnessServer.Program, ["serve", "--block", "memory:16M", "--listen", uri]);
        Assert.StartsWith("ready ", server.NextLine(TimeSpan.FromSeconds(30)));
        using Child client = Child.Start(HarnessServer.Program, ["load", uri, "--duration", "2s", "--depth", "8", "--request-timeout", "300ms", "--backend", backend]);
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
            using Socket socket = server.Connect();
            switch (round % 5)
            {
                case 0:
                    // Connects and leaves, as a port scanner does.
                    break;
                case 1:
                    // Leaves in the middle of the handshake.
                    socket.Send("\0\0\0\u0003IHAVE"u8);
                    break;
                case 2:
                    // Leaves with a write half sent.
                    Enter(socket);
                    socket.Send(Request(1, 0, 65536));
                    socket.Send(new byte[1000]);
                    break;
                case 3:
                    // Asks for much and never reads it, then resets the connection.
                    Enter(socket);
                    for (int i = 0; i < 64; i++)
                    {
                        socket.Send(Request(0, (ulong)i << 16, 1 << 20));
                    }

                    socket.LingerState = new LingerOption(true, 0);
                    break;
                case 4:
                    // Sends garbage.
                    Enter(socket);
                    socket.Send(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n"));
                    break;
            }
        }
    }

    private static void Enter(Socket socket)
    {
        socket.ReceiveTimeout = 30_000;
        ReadExactly(socket, 18);
        socket.Send([0, 0, 0, 3]);
        socket.Send([.. "IHAVEOPT"u8, 0, 0, 0, 1, 0, 0, 0, 0]);
        ReadExactly(socket, 10);
    }

    private static void ReadExactly(Socket socket, int count)
    {
        byte[] buffer = new byte[count];
        for (int have = 0; have < count;)
        {
            int n = socket.Receive(buffer, have, count - have, SocketFlags.None);
            Assert.True(n > 0, "the server closed the connection in the handshake");
            have += n;
        }
    }

    private static byte[] Request(byte command, ulong offset, uint length)
    {
        byte[] request = new byte[28];
        request[0] = 0x25;
        request[1] = 0x60;
        request[2] = 0x95;
        request[3] = 0x13;
        request[7] = command;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(request.AsSpan(16), offset);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(24), length);
        return request;
    }

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
